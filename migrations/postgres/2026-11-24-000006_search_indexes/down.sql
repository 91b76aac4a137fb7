DROP TABLE search_terms;
DROP INDEX jobs_salary_idx, jobs_deadline_idx, jobs_newest_idx, jobs_company_search_idx, jobs_location_search_idx, jobs_title_search_idx;
ALTER TABLE jobs DROP COLUMN words, DROP COLUMN headline;
DROP FUNCTION search_text(text);
DROP TEXT SEARCH CONFIGURATION jobportal;
DROP TEXT SEARCH DICTIONARY jobportal_stem;
CREATE INDEX jobs_newest_idx ON jobs (posted_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX jobs_open_idx ON jobs (deadline) INCLUDE (job_type, job_subtype, experience_level)
WHERE deleted_at IS NULL;
CREATE INDEX jobs_title_search_idx ON jobs USING gin (title_search gin_trgm_ops);
CREATE INDEX jobs_location_search_idx ON jobs USING gin (location_search gin_trgm_ops);
