-- What changed, in the order of commits, for those who keep a copy. Each feed has a clock: who changes a row of the feed moves the
-- clock on, and stamps the row with its time. So times are committed in their order, and a reader who has gone on to one will meet
-- none before it.
CREATE TABLE change_feeds (
    name TEXT NOT NULL PRIMARY KEY,
    -- Microseconds since 1970. Never goes back, whatever the clock of the machine does.
    last_change INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A column that may not be empty can be added only with a default; it stands in no row.
ALTER TABLE jobs ADD COLUMN changed_at TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN closed_at TEXT;
-- What is past its deadline now was told as open before, and nobody followed it then: it need not be told again.
UPDATE jobs SET
    changed_at = updated_at,
    closed_at = CASE WHEN deadline <= strftime('%Y-%m-%dT%H:%M:%SZ', 'now') AND deleted_at IS NULL THEN deadline END;
CREATE INDEX jobs_changed_at_idx ON jobs (changed_at, id);
-- With all that the worker asks for; otherwise SQLite takes the index of all jobs that are not deleted.
CREATE INDEX jobs_closing_idx ON jobs (deadline, deleted_at, closed_at) WHERE deleted_at IS NULL AND closed_at IS NULL;

-- The employer is that of the job, which never changes; here for the index.
ALTER TABLE applications ADD COLUMN employer_id INTEGER NOT NULL DEFAULT 0;
ALTER TABLE applications ADD COLUMN changed_at TEXT NOT NULL DEFAULT '';
UPDATE applications SET
    employer_id = (SELECT employer_id FROM jobs WHERE jobs.id = applications.job_id),
    changed_at = updated_at;
CREATE INDEX applications_employer_id_changed_at_idx ON applications (employer_id, changed_at, id);

-- The whole seconds, and the six digits after the point.
INSERT INTO change_feeds (name, last_change)
SELECT 'jobs', CAST(strftime('%s', substr(MAX(changed_at), 1, 19)) AS INTEGER) * 1000000 + CAST(substr(MAX(changed_at), 21, 6) AS INTEGER)
FROM jobs HAVING COUNT(*) > 0;
INSERT INTO change_feeds (name, last_change)
SELECT
    'applications/' || employer_id,
    CAST(strftime('%s', substr(MAX(changed_at), 1, 19)) AS INTEGER) * 1000000 + CAST(substr(MAX(changed_at), 21, 6) AS INTEGER)
FROM applications GROUP BY employer_id;
