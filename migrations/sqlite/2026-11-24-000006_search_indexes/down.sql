DROP TABLE search_terms;
DROP INDEX jobs_salary_idx;
DROP INDEX jobs_deadline_idx;
DROP INDEX jobs_newest_idx;
DROP TRIGGER jobs_searchable_show;
DROP TRIGGER jobs_searchable_hide;
DROP TRIGGER jobs_searchable_delete;
DROP TRIGGER jobs_searchable_insert;
DROP TABLE job_parts;
DROP TABLE job_words;
CREATE INDEX jobs_newest_idx ON jobs (
    posted_at DESC, id DESC, deadline, job_type, job_subtype, experience_level, title_search, location_search, deleted_at
) WHERE deleted_at IS NULL;
CREATE INDEX jobs_open_idx ON jobs (
    deadline, job_type, job_subtype, experience_level, title_search, location_search, deleted_at
) WHERE deleted_at IS NULL;
