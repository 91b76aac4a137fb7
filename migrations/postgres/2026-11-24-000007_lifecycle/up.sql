-- An employer's jobs are counted by their state without a look at the wide rows, and those that are deleted can be listed too.
CREATE INDEX jobs_owned_idx ON jobs (employer_id, posted_at DESC, id DESC) INCLUDE (deleted_at, status, closed_at, deadline);
DROP INDEX jobs_employer_id_posted_at_idx;
