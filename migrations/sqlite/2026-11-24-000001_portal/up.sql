-- A reference without ON DELETE refuses: what others build on (accounts, profiles, jobs, documents) never vanishes with something else.
-- Times are TEXT in UTC of the form 2026-11-24T00:00:00.000000Z, whose order is theirs; money is in hundredths; booleans are 0 and 1.

CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    email TEXT NOT NULL UNIQUE,
    phone_number TEXT NOT NULL UNIQUE,
    user_type TEXT NOT NULL CHECK (user_type IN ('candidate', 'employer', 'admin')),
    password_hash TEXT NOT NULL,
    verified_at TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
) STRICT;
-- For the clean-up of accounts that nobody came back to.
CREATE INDEX users_unverified_idx ON users (created_at) WHERE verified_at IS NULL;

CREATE TABLE one_time_codes (
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    purpose TEXT NOT NULL CHECK (purpose IN ('email_verification', 'password_reset')),
    digest TEXT NOT NULL,
    issued_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    attempts_left INTEGER NOT NULL CHECK (attempts_left >= 0),
    issues INTEGER NOT NULL CHECK (issues > 0),
    counted_since TEXT NOT NULL,
    consumed_at TEXT,
    PRIMARY KEY (user_id, purpose)
) STRICT, WITHOUT ROWID;
CREATE INDEX one_time_codes_expires_at_idx ON one_time_codes (expires_at);

CREATE TABLE sessions (
    id TEXT NOT NULL PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    digest TEXT NOT NULL UNIQUE,
    expires_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_user_id_expires_at_idx ON sessions (user_id, expires_at);
CREATE INDEX sessions_expires_at_idx ON sessions (expires_at);

CREATE TABLE documents (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    public_id TEXT NOT NULL UNIQUE,
    owner_id INTEGER NOT NULL REFERENCES users (id),
    kind TEXT NOT NULL CHECK (kind IN ('resume', 'profile_picture')),
    format TEXT NOT NULL CHECK (format IN ('pdf', 'docx', 'odt', 'jpeg', 'png', 'webp')),
    size INTEGER NOT NULL CHECK (size >= 0),
    created_at TEXT NOT NULL
) STRICT;
CREATE INDEX documents_owner_id_idx ON documents (owner_id);

CREATE TABLE candidates (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL UNIQUE REFERENCES users (id),
    first_name TEXT,
    last_name TEXT,
    address TEXT,
    bio TEXT,
    gender TEXT,
    birth_date TEXT,
    picture_id INTEGER REFERENCES documents (id),
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
) STRICT;
CREATE INDEX candidates_picture_id_idx ON candidates (picture_id) WHERE picture_id IS NOT NULL;

CREATE TABLE professional_profiles (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    candidate_id INTEGER NOT NULL UNIQUE REFERENCES candidates (id) ON DELETE CASCADE,
    resume_id INTEGER REFERENCES documents (id),
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
) STRICT;
CREATE INDEX professional_profiles_resume_id_idx ON professional_profiles (resume_id) WHERE resume_id IS NOT NULL;

-- The lists of a candidate's profile, an entry a row.
CREATE TABLE candidate_entries (
    candidate_id INTEGER NOT NULL REFERENCES candidates (id) ON DELETE CASCADE,
    section TEXT NOT NULL CHECK (
        section IN (
            'education', 'experience', 'skills', 'languages', 'projects', 'certificates', 'awards', 'clubs', 'exams',
            'social_links'
        )
    ),
    position INTEGER NOT NULL CHECK (position >= 0),
    value TEXT NOT NULL,
    PRIMARY KEY (candidate_id, section, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE employers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL UNIQUE REFERENCES users (id),
    first_name TEXT,
    last_name TEXT,
    address TEXT,
    website TEXT,
    company_name TEXT,
    picture_id INTEGER REFERENCES documents (id),
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
) STRICT;
CREATE INDEX employers_picture_id_idx ON employers (picture_id) WHERE picture_id IS NOT NULL;

CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    employer_id INTEGER NOT NULL REFERENCES employers (id),
    title TEXT NOT NULL,
    -- In lower case by the rules of Unicode, which lower() here does not know.
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
    deadline TEXT NOT NULL,
    application_link TEXT,
    application_email TEXT,
    posted_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    deleted_at TEXT
) STRICT;
-- A search is filtered and counted on these alone, without a look at the wide rows: newest first where most jobs are open, by
-- deadline where most are past. SQLite reads deleted_at although it is empty in all.
CREATE INDEX jobs_newest_idx ON jobs (
    posted_at DESC, id DESC, deadline, job_type, job_subtype, experience_level, title_search, location_search, deleted_at
) WHERE deleted_at IS NULL;
CREATE INDEX jobs_open_idx ON jobs (
    deadline, job_type, job_subtype, experience_level, title_search, location_search, deleted_at
) WHERE deleted_at IS NULL;
CREATE INDEX jobs_employer_id_posted_at_idx ON jobs (employer_id, posted_at DESC, id DESC, deleted_at)
WHERE deleted_at IS NULL;

CREATE TABLE applications (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id INTEGER NOT NULL REFERENCES jobs (id),
    candidate_id INTEGER NOT NULL REFERENCES candidates (id),
    cover_letter TEXT,
    expected_salary INTEGER CHECK (expected_salary >= 0),
    notice_period TEXT,
    resume_id INTEGER REFERENCES documents (id),
    status TEXT NOT NULL CHECK (status IN ('applied', 'selected', 'interviewed', 'offered', 'rejected')),
    applied_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    UNIQUE (job_id, candidate_id)
) STRICT;
CREATE INDEX applications_job_id_applied_at_idx ON applications (job_id, applied_at, id);
CREATE INDEX applications_candidate_id_applied_at_idx ON applications (candidate_id, applied_at, id);
CREATE INDEX applications_resume_id_idx ON applications (resume_id) WHERE resume_id IS NOT NULL;

CREATE TABLE plans (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE CHECK (name IN ('free', 'basic', 'professional', 'premium', 'enterprise')),
    price INTEGER NOT NULL CHECK (price >= 0),
    description TEXT NOT NULL,
    features TEXT NOT NULL,
    duration_seconds INTEGER NOT NULL CHECK (duration_seconds >= 0),
    max_job_applications_per_day INTEGER NOT NULL CHECK (max_job_applications_per_day >= 0),
    priority_support INTEGER NOT NULL CHECK (priority_support IN (0, 1)),
    career_coaching INTEGER NOT NULL CHECK (career_coaching IN (0, 1)),
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
) STRICT;

CREATE TABLE subscriptions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users (id),
    plan_id INTEGER NOT NULL REFERENCES plans (id),
    started_at TEXT NOT NULL,
    period_ends_at TEXT,
    auto_renew INTEGER NOT NULL CHECK (auto_renew IN (0, 1)),
    has_expired INTEGER NOT NULL CHECK (has_expired IN (0, 1)),
    is_active INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX subscriptions_active_key ON subscriptions (user_id) WHERE is_active;
CREATE INDEX subscriptions_due_idx ON subscriptions (period_ends_at) WHERE is_active;
CREATE INDEX subscriptions_plan_id_idx ON subscriptions (plan_id);

CREATE TABLE daily_usage (
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    day TEXT NOT NULL,
    applications INTEGER NOT NULL CHECK (applications >= 0),
    PRIMARY KEY (user_id, day)
) STRICT, WITHOUT ROWID;
CREATE INDEX daily_usage_day_idx ON daily_usage (day);

CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    recipient TEXT NOT NULL,
    -- The content as JSON; erased once it was sent.
    payload TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'sent', 'dead')),
    attempts INTEGER NOT NULL CHECK (attempts >= 0),
    next_attempt_at TEXT NOT NULL,
    created_at TEXT NOT NULL,
    sent_at TEXT,
    last_error TEXT
) STRICT;
CREATE INDEX outbox_due_idx ON outbox (next_attempt_at, id) WHERE status = 'pending';
CREATE INDEX outbox_status_idx ON outbox (status, id);
CREATE INDEX outbox_settled_idx ON outbox (created_at) WHERE status <> 'pending';

CREATE TABLE schedule (
    task TEXT NOT NULL PRIMARY KEY,
    next_run_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The plans that a new portal offers; an admin changes them.
INSERT INTO plans (
    name, price, description, features, duration_seconds, max_job_applications_per_day, priority_support, career_coaching,
    created_at, updated_at
)
VALUES
    (
        'free', 0, 'Free plan with basic access to job portal features.',
        'Limited job applications, No priority support, No career coaching',
        0, 5, 0, 0, '2026-11-24T00:00:00.000000Z', '2026-11-24T00:00:00.000000Z'
    ),
    (
        'basic', 999, 'Basic plan with access to essential features.',
        '10 job applications per day, No priority support, No career coaching',
        2592000, 10, 0, 0, '2026-11-24T00:00:00.000000Z', '2026-11-24T00:00:00.000000Z'
    ),
    (
        'professional', 4999, 'Professional plan with advanced features.',
        '20 job applications per day, Priority support, Career coaching',
        2592000, 20, 1, 1, '2026-11-24T00:00:00.000000Z', '2026-11-24T00:00:00.000000Z'
    ),
    (
        'premium', 9999, 'Premium plan with exclusive features.',
        '50 job applications per day, Priority support, Career coaching, Resume review',
        2592000, 50, 1, 1, '2026-11-24T00:00:00.000000Z', '2026-11-24T00:00:00.000000Z'
    ),
    (
        'enterprise', 19999, 'Enterprise plan for large organizations with all-inclusive features.',
        'Unlimited job applications per day, 24/7 priority support, Career coaching, Resume review, Analytics',
        2592000, 100, 1, 1, '2026-11-24T00:00:00.000000Z', '2026-11-24T00:00:00.000000Z'
    );
