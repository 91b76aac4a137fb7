CREATE INDEX jobs_employer_id_posted_at_idx ON jobs (employer_id, posted_at DESC, id DESC) WHERE deleted_at IS NULL;
DROP INDEX jobs_owned_idx;
