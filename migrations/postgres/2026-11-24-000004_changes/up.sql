-- What changed, in the order of commits, for those who keep a copy. Each feed has a clock: who changes a row of the feed moves the
-- clock on, holds it until the end of the transaction, and stamps the row with its time. So times are committed in their order,
-- and a reader who has gone on to one will meet none before it.
CREATE TABLE change_feeds (
    name TEXT PRIMARY KEY,
    -- Microseconds since 1970. Never goes back, whatever the clocks of the nodes do.
    last_change BIGINT NOT NULL
);

-- A column filled as its type is changed costs one rewrite of the table, and each index is built once.
ALTER TABLE jobs ADD COLUMN changed_at TIMESTAMPTZ, ADD COLUMN closed_at TIMESTAMPTZ;
ALTER TABLE jobs ALTER COLUMN changed_at TYPE TIMESTAMPTZ USING updated_at, ALTER COLUMN changed_at SET NOT NULL;
-- What is past its deadline now was told as open before, and nobody followed it then: it need not be told again.
UPDATE jobs SET closed_at = deadline WHERE deadline <= now() AND deleted_at IS NULL;
CREATE INDEX jobs_changed_at_idx ON jobs (changed_at, id);
CREATE INDEX jobs_closing_idx ON jobs (deadline) WHERE deleted_at IS NULL AND closed_at IS NULL;

-- The employer is that of the job, which never changes; here for the index.
ALTER TABLE applications ADD COLUMN employer_id BIGINT, ADD COLUMN changed_at TIMESTAMPTZ;
UPDATE applications SET employer_id = jobs.employer_id, changed_at = applications.updated_at
FROM jobs WHERE jobs.id = applications.job_id;
ALTER TABLE applications ALTER COLUMN employer_id SET NOT NULL, ALTER COLUMN changed_at SET NOT NULL;
CREATE INDEX applications_employer_id_changed_at_idx ON applications (employer_id, changed_at, id);

INSERT INTO change_feeds (name, last_change)
SELECT 'jobs', (EXTRACT(EPOCH FROM MAX(changed_at)) * 1000000)::BIGINT FROM jobs HAVING COUNT(*) > 0;
INSERT INTO change_feeds (name, last_change)
SELECT 'applications/' || employer_id, (EXTRACT(EPOCH FROM MAX(changed_at)) * 1000000)::BIGINT
FROM applications GROUP BY employer_id;
