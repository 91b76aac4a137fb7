//! The tables as diesel knows them; both migration trees make them.

use diesel::{allow_tables_to_appear_in_same_query, joinable, table};

table! {
    users (id) {
        id -> BigInt,
        email -> Text,
        phone_number -> Text,
        user_type -> Text,
        password_hash -> Text,
        verified_at -> Nullable<crate::time::Instant>,
        created_at -> crate::time::Instant,
        updated_at -> crate::time::Instant,
        deactivated_at -> Nullable<crate::time::Instant>,
    }
}

table! {
    one_time_codes (user_id, purpose) {
        user_id -> BigInt,
        purpose -> Text,
        target -> Text,
        digest -> Text,
        issued_at -> crate::time::Instant,
        expires_at -> crate::time::Instant,
        attempts_left -> Integer,
        issues -> Integer,
        counted_since -> crate::time::Instant,
        consumed_at -> Nullable<crate::time::Instant>,
    }
}

table! {
    sessions (id) {
        id -> Text,
        user_id -> BigInt,
        digest -> Text,
        network -> Nullable<Text>,
        user_agent -> Nullable<Text>,
        created_at -> crate::time::Instant,
        last_used_at -> crate::time::Instant,
        expires_at -> crate::time::Instant,
    }
}

table! {
    ended_sessions (id) {
        id -> BigInt,
        session_id -> Text,
        ended_at -> crate::time::Instant,
    }
}

table! {
    second_factors (user_id) {
        user_id -> BigInt,
        sealed_secret -> Text,
        enrolled_at -> crate::time::Instant,
        confirmed_at -> Nullable<crate::time::Instant>,
        last_step -> Nullable<BigInt>,
        failures -> Integer,
        blocked_until -> Nullable<crate::time::Instant>,
    }
}

table! {
    recovery_codes (user_id, digest) {
        user_id -> BigInt,
        digest -> Text,
    }
}

table! {
    known_networks (user_id, digest) {
        user_id -> BigInt,
        digest -> Text,
        seen_at -> crate::time::Instant,
    }
}

table! {
    documents (id) {
        id -> BigInt,
        public_id -> Text,
        owner_id -> BigInt,
        kind -> Text,
        format -> Text,
        size -> BigInt,
        created_at -> crate::time::Instant,
    }
}

table! {
    candidates (id) {
        id -> BigInt,
        user_id -> BigInt,
        first_name -> Nullable<Text>,
        last_name -> Nullable<Text>,
        address -> Nullable<Text>,
        bio -> Nullable<Text>,
        gender -> Nullable<Text>,
        birth_date -> Nullable<Date>,
        picture_id -> Nullable<BigInt>,
        created_at -> crate::time::Instant,
        updated_at -> crate::time::Instant,
        version -> BigInt,
    }
}

table! {
    professional_profiles (id) {
        id -> BigInt,
        candidate_id -> BigInt,
        resume_id -> Nullable<BigInt>,
        created_at -> crate::time::Instant,
        updated_at -> crate::time::Instant,
    }
}

table! {
    candidate_entries (candidate_id, section, position) {
        candidate_id -> BigInt,
        section -> Text,
        position -> Integer,
        value -> Text,
    }
}

table! {
    employers (id) {
        id -> BigInt,
        user_id -> BigInt,
        first_name -> Nullable<Text>,
        last_name -> Nullable<Text>,
        address -> Nullable<Text>,
        website -> Nullable<Text>,
        company_name -> Nullable<Text>,
        picture_id -> Nullable<BigInt>,
        created_at -> crate::time::Instant,
        updated_at -> crate::time::Instant,
        version -> BigInt,
    }
}

table! {
    jobs (id) {
        id -> BigInt,
        employer_id -> BigInt,
        title -> Text,
        title_search -> Text,
        description -> Text,
        job_type -> Text,
        job_subtype -> Text,
        experience_level -> Text,
        company_name -> Text,
        location -> Text,
        location_search -> Text,
        salary_range -> Nullable<Text>,
        deadline -> crate::time::Instant,
        application_link -> Nullable<Text>,
        application_email -> Nullable<Text>,
        posted_at -> crate::time::Instant,
        updated_at -> crate::time::Instant,
        deleted_at -> Nullable<crate::time::Instant>,
        version -> BigInt,
        changed_at -> crate::time::Instant,
        closed_at -> Nullable<crate::time::Instant>,
        status -> Text,
        workplace -> Nullable<Text>,
        country -> Nullable<Text>,
        skills -> Text,
        salary_minimum -> Nullable<BigInt>,
        salary_maximum -> Nullable<BigInt>,
        salary_currency -> Nullable<Text>,
        salary_period -> Nullable<Text>,
        salary_yearly_minimum -> BigInt,
        salary_yearly_maximum -> BigInt,
        company_search -> Text,
    }
}

table! {
    job_skills (job_id, skill) {
        job_id -> BigInt,
        skill -> Text,
    }
}

table! {
    applications (id) {
        id -> BigInt,
        job_id -> BigInt,
        candidate_id -> BigInt,
        cover_letter -> Nullable<Text>,
        expected_salary -> Nullable<BigInt>,
        notice_period -> Nullable<Text>,
        resume_id -> Nullable<BigInt>,
        status -> Text,
        applied_at -> crate::time::Instant,
        updated_at -> crate::time::Instant,
        version -> BigInt,
        employer_id -> BigInt,
        changed_at -> crate::time::Instant,
    }
}

table! {
    change_feeds (name) {
        name -> Text,
        last_change -> BigInt,
    }
}

table! {
    plans (id) {
        id -> BigInt,
        name -> Text,
        price -> BigInt,
        description -> Text,
        features -> Text,
        duration_seconds -> BigInt,
        max_job_applications_per_day -> BigInt,
        priority_support -> Bool,
        career_coaching -> Bool,
        created_at -> crate::time::Instant,
        updated_at -> crate::time::Instant,
        version -> BigInt,
    }
}

table! {
    subscriptions (id) {
        id -> BigInt,
        user_id -> BigInt,
        plan_id -> BigInt,
        started_at -> crate::time::Instant,
        period_ends_at -> Nullable<crate::time::Instant>,
        auto_renew -> Bool,
        has_expired -> Bool,
        is_active -> Bool,
        created_at -> crate::time::Instant,
        updated_at -> crate::time::Instant,
    }
}

table! {
    daily_usage (user_id, day) {
        user_id -> BigInt,
        day -> Date,
        applications -> BigInt,
    }
}

table! {
    outbox (id) {
        id -> BigInt,
        kind -> Text,
        recipient -> Text,
        payload -> Text,
        status -> Text,
        attempts -> Integer,
        next_attempt_at -> crate::time::Instant,
        created_at -> crate::time::Instant,
        sent_at -> Nullable<crate::time::Instant>,
        last_error -> Nullable<Text>,
        priority -> Text,
        claimed_by -> Nullable<Text>,
        request_id -> Nullable<Text>,
    }
}

table! {
    receipts (caller, key) {
        caller -> Text,
        key -> Text,
        fingerprint -> Text,
        receipt -> Text,
        created_at -> crate::time::Instant,
    }
}

table! {
    schedule (task) {
        task -> Text,
        next_run_at -> crate::time::Instant,
        claimed_by -> Nullable<Text>,
        claimed_until -> Nullable<crate::time::Instant>,
    }
}

joinable!(candidates -> users (user_id));
joinable!(employers -> users (user_id));
joinable!(professional_profiles -> candidates (candidate_id));
joinable!(jobs -> employers (employer_id));
joinable!(job_skills -> jobs (job_id));
joinable!(applications -> jobs (job_id));
joinable!(applications -> candidates (candidate_id));
joinable!(subscriptions -> plans (plan_id));
joinable!(documents -> users (owner_id));

allow_tables_to_appear_in_same_query!(
    users,
    documents,
    candidates,
    professional_profiles,
    employers,
    jobs,
    job_skills,
    applications,
    subscriptions,
    plans,
);

// One query meets several documents, and both sides of an application.
diesel::alias! {
    pub(crate) const PICTURES: Alias<Pictures> = documents as pictures;
    pub(crate) const RESUMES: Alias<Resumes> = documents as resumes;
    pub(crate) const LOGOS: Alias<Logos> = documents as logos;
    pub(crate) const ATTACHMENTS: Alias<Attachments> = documents as attachments;
}
diesel::alias! {
    pub(crate) const APPLICANTS: Alias<Applicants> = users as applicants;
}
