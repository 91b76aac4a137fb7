DROP INDEX applications_employer_id_changed_at_idx;
ALTER TABLE applications DROP COLUMN changed_at;
ALTER TABLE applications DROP COLUMN employer_id;
DROP INDEX jobs_closing_idx;
DROP INDEX jobs_changed_at_idx;
ALTER TABLE jobs DROP COLUMN closed_at;
ALTER TABLE jobs DROP COLUMN changed_at;
DROP TABLE change_feeds;
