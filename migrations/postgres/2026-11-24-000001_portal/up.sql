-- A reference without ON DELETE refuses: what others build on (accounts, profiles, jobs, documents) never vanishes with something else.
-- Money is in hundredths.

CREATE EXTENSION IF NOT EXISTS pg_trgm;

CREATE TABLE users (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email TEXT NOT NULL UNIQUE,
    phone_number TEXT NOT NULL UNIQUE,
    user_type TEXT NOT NULL CHECK (user_type IN ('candidate', 'employer', 'admin')),
    password_hash TEXT NOT NULL,
    verified_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);
-- For the clean-up of accounts that nobody came back to.
CREATE INDEX users_unverified_idx ON users (created_at) WHERE verified_at IS NULL;

CREATE TABLE one_time_codes (
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    purpose TEXT NOT NULL CHECK (purpose IN ('email_verification', 'password_reset')),
    digest TEXT NOT NULL,
    issued_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    attempts_left INTEGER NOT NULL CHECK (attempts_left >= 0),
    issues INTEGER NOT NULL CHECK (issues > 0),
    counted_since TIMESTAMPTZ NOT NULL,
    consumed_at TIMESTAMPTZ,
    PRIMARY KEY (user_id, purpose)
);
CREATE INDEX one_time_codes_expires_at_idx ON one_time_codes (expires_at);

CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    digest TEXT NOT NULL UNIQUE,
    expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX sessions_user_id_expires_at_idx ON sessions (user_id, expires_at);
CREATE INDEX sessions_expires_at_idx ON sessions (expires_at);

CREATE TABLE documents (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    public_id TEXT NOT NULL UNIQUE,
    owner_id BIGINT NOT NULL REFERENCES users (id),
    kind TEXT NOT NULL CHECK (kind IN ('resume', 'profile_picture')),
    format TEXT NOT NULL CHECK (format IN ('pdf', 'docx', 'odt', 'jpeg', 'png', 'webp')),
    size BIGINT NOT NULL CHECK (size >= 0),
    created_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX documents_owner_id_idx ON documents (owner_id);

CREATE TABLE candidates (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id BIGINT NOT NULL UNIQUE REFERENCES users (id),
    first_name TEXT,
    last_name TEXT,
    address TEXT,
    bio TEXT,
    gender TEXT,
    birth_date DATE,
    picture_id BIGINT REFERENCES documents (id),
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX candidates_picture_id_idx ON candidates (picture_id) WHERE picture_id IS NOT NULL;

CREATE TABLE professional_profiles (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    candidate_id BIGINT NOT NULL UNIQUE REFERENCES candidates (id) ON DELETE CASCADE,
    resume_id BIGINT REFERENCES documents (id),
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX professional_profiles_resume_id_idx ON professional_profiles (resume_id) WHERE resume_id IS NOT NULL;

-- The lists of a candidate's profile, an entry a row.
CREATE TABLE candidate_entries (
    candidate_id BIGINT NOT NULL REFERENCES candidates (id) ON DELETE CASCADE,
    section TEXT NOT NULL CHECK (
        section IN (
            'education', 'experience', 'skills', 'languages', 'projects', 'certificates', 'awards', 'clubs', 'exams',
            'social_links'
        )
    ),
    position INTEGER NOT NULL CHECK (position >= 0),
    value TEXT NOT NULL,
    PRIMARY KEY (candidate_id, section, position)
);

CREATE TABLE employers (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id BIGINT NOT NULL UNIQUE REFERENCES users (id),
    first_name TEXT,
    last_name TEXT,
    address TEXT,
    website TEXT,
    company_name TEXT,
    picture_id BIGINT REFERENCES documents (id),
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX employers_picture_id_idx ON employers (picture_id) WHERE picture_id IS NOT NULL;

CREATE TABLE jobs (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    employer_id BIGINT NOT NULL REFERENCES employers (id),
    title TEXT NOT NULL,
    -- In lower case by the rules of Unicode, whatever the collation of the database.
    title_search TEXT NOT NULL,
    description TEXT NOT NULL,
    job_type TEXT NOT NULL CHECK (job_type IN ('Government', 'Private')),
    job_subtype TEXT NOT NULL CHECK (
        job_subtype IN ('Full-time', 'Part-time', 'Contract', 'Internship', 'Temporary', 'Freelance')
    ),
    experience_level TEXT NOT NULL CHECK (experience_level IN ('Entry', 'Mid', 'Senior', 'Director', 'Executive')),
    company_name TEXT NOT NULL,
    location TEXT NOT NULL,
    location_search TEXT NOT NULL,
    salary_range TEXT,
    deadline TIMESTAMPTZ NOT NULL,
    application_link TEXT,
    application_email TEXT,
    posted_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    deleted_at TIMESTAMPTZ
);
-- The first lists, newest first; the second counts without a look at the wide rows.
CREATE INDEX jobs_newest_idx ON jobs (posted_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX jobs_open_idx ON jobs (deadline) INCLUDE (job_type, job_subtype, experience_level)
WHERE deleted_at IS NULL;
CREATE INDEX jobs_employer_id_posted_at_idx ON jobs (employer_id, posted_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX jobs_title_search_idx ON jobs USING gin (title_search gin_trgm_ops);
CREATE INDEX jobs_location_search_idx ON jobs USING gin (location_search gin_trgm_ops);

CREATE TABLE applications (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id BIGINT NOT NULL REFERENCES jobs (id),
    candidate_id BIGINT NOT NULL REFERENCES candidates (id),
    cover_letter TEXT,
    expected_salary BIGINT CHECK (expected_salary >= 0),
    notice_period TEXT,
    resume_id BIGINT REFERENCES documents (id),
    status TEXT NOT NULL CHECK (status IN ('applied', 'selected', 'interviewed', 'offered', 'rejected')),
    applied_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    UNIQUE (job_id, candidate_id)
);
CREATE INDEX applications_job_id_applied_at_idx ON applications (job_id, applied_at, id);
CREATE INDEX applications_candidate_id_applied_at_idx ON applications (candidate_id, applied_at, id);
CREATE INDEX applications_resume_id_idx ON applications (resume_id) WHERE resume_id IS NOT NULL;

CREATE TABLE plans (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name TEXT NOT NULL UNIQUE CHECK (name IN ('free', 'basic', 'professional', 'premium', 'enterprise')),
    price BIGINT NOT NULL CHECK (price >= 0),
    description TEXT NOT NULL,
    features TEXT NOT NULL,
    duration_seconds BIGINT NOT NULL CHECK (duration_seconds >= 0),
    max_job_applications_per_day BIGINT NOT NULL CHECK (max_job_applications_per_day >= 0),
    priority_support BOOLEAN NOT NULL,
    career_coaching BOOLEAN NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE subscriptions (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES users (id),
    plan_id BIGINT NOT NULL REFERENCES plans (id),
    started_at TIMESTAMPTZ NOT NULL,
    period_ends_at TIMESTAMPTZ,
    auto_renew BOOLEAN NOT NULL,
    has_expired BOOLEAN NOT NULL,
    is_active BOOLEAN NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);
CREATE UNIQUE INDEX subscriptions_active_key ON subscriptions (user_id) WHERE is_active;
CREATE INDEX subscriptions_due_idx ON subscriptions (period_ends_at) WHERE is_active;
CREATE INDEX subscriptions_plan_id_idx ON subscriptions (plan_id);

CREATE TABLE daily_usage (
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    day DATE NOT NULL,
    applications BIGINT NOT NULL CHECK (applications >= 0),
    PRIMARY KEY (user_id, day)
);
CREATE INDEX daily_usage_day_idx ON daily_usage (day);

CREATE TABLE outbox (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind TEXT NOT NULL,
    recipient TEXT NOT NULL,
    -- The content as JSON; erased once it was sent.
    payload TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'sent', 'dead')),
    attempts INTEGER NOT NULL CHECK (attempts >= 0),
    next_attempt_at TIMESTAMPTZ NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    sent_at TIMESTAMPTZ,
    last_error TEXT
);
CREATE INDEX outbox_due_idx ON outbox (next_attempt_at, id) WHERE status = 'pending';
CREATE INDEX outbox_status_idx ON outbox (status, id);
CREATE INDEX outbox_settled_idx ON outbox (created_at) WHERE status <> 'pending';

CREATE TABLE schedule (
    task TEXT PRIMARY KEY,
    next_run_at TIMESTAMPTZ NOT NULL
);

-- The plans that a new portal offers; an admin changes them.
INSERT INTO plans (
    name, price, description, features, duration_seconds, max_job_applications_per_day, priority_support, career_coaching,
    created_at, updated_at
)
VALUES
    (
        'free', 0, 'Free plan with basic access to job portal features.',
        'Limited job applications, No priority support, No career coaching',
        0, 5, FALSE, FALSE, '2026-11-24T00:00:00.000000Z', '2026-11-24T00:00:00.000000Z'
    ),
    (
        'basic', 999, 'Basic plan with access to essential features.',
        '10 job applications per day, No priority support, No career coaching',
        2592000, 10, FALSE, FALSE, '2026-11-24T00:00:00.000000Z', '2026-11-24T00:00:00.000000Z'
    ),
    (
        'professional', 4999, 'Professional plan with advanced features.',
        '20 job applications per day, Priority support, Career coaching',
        2592000, 20, TRUE, TRUE, '2026-11-24T00:00:00.000000Z', '2026-11-24T00:00:00.000000Z'
    ),
    (
        'premium', 9999, 'Premium plan with exclusive features.',
        '50 job applications per day, Priority support, Career coaching, Resume review',
        2592000, 50, TRUE, TRUE, '2026-11-24T00:00:00.000000Z', '2026-11-24T00:00:00.000000Z'
    ),
    (
        'enterprise', 19999, 'Enterprise plan for large organizations with all-inclusive features.',
        'Unlimited job applications per day, 24/7 priority support, Career coaching, Resume review, Analytics',
        2592000, 100, TRUE, TRUE, '2026-11-24T00:00:00.000000Z', '2026-11-24T00:00:00.000000Z'
    );
