-- The extension pg_trgm stays: it may have been there before, and others may use it.
DROP TABLE schedule;
DROP TABLE outbox;
DROP TABLE daily_usage;
DROP TABLE subscriptions;
DROP TABLE plans;
DROP TABLE applications;
DROP TABLE jobs;
DROP TABLE employers;
DROP TABLE candidate_entries;
DROP TABLE professional_profiles;
DROP TABLE candidates;
DROP TABLE documents;
DROP TABLE sessions;
DROP TABLE one_time_codes;
DROP TABLE users;
