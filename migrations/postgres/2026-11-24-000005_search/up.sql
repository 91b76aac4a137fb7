-- What a job can be searched by beside its texts, and where it stands.
-- Pay is in the currency's smallest unit; its yearly form is for comparing, 0 where it is not known.
ALTER TABLE jobs
ADD COLUMN status TEXT NOT NULL DEFAULT 'published' CHECK (
    status IN ('draft', 'published', 'paused', 'filled', 'withdrawn')
),
ADD COLUMN workplace TEXT CHECK (workplace IN ('on-site', 'hybrid', 'remote')),
ADD COLUMN country TEXT CHECK (length(country) = 2),
-- One on each line, as the employer writes them. The rows of job_skills say the same in lower case.
ADD COLUMN skills TEXT NOT NULL DEFAULT '',
ADD COLUMN salary_minimum BIGINT CHECK (salary_minimum >= 0),
ADD COLUMN salary_maximum BIGINT CHECK (salary_maximum >= 0),
ADD COLUMN salary_currency TEXT CHECK (length(salary_currency) = 3),
ADD COLUMN salary_period TEXT CHECK (salary_period IN ('hour', 'day', 'week', 'month', 'year')),
ADD COLUMN salary_yearly_minimum BIGINT NOT NULL DEFAULT 0 CHECK (salary_yearly_minimum >= 0),
ADD COLUMN salary_yearly_maximum BIGINT NOT NULL DEFAULT 0 CHECK (salary_yearly_maximum >= 0),
ADD CONSTRAINT jobs_salary_check CHECK ((salary_currency IS NULL) = (salary_period IS NULL)),
ADD COLUMN company_search TEXT;
-- A column filled as its type is changed costs one rewrite of the table.
ALTER TABLE jobs ALTER COLUMN company_search TYPE TEXT USING lower(company_name), ALTER COLUMN company_search SET NOT NULL;
-- From now on what is stored says it.
ALTER TABLE jobs ALTER COLUMN status DROP DEFAULT;

CREATE TABLE job_skills (
    job_id BIGINT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    skill TEXT NOT NULL,
    PRIMARY KEY (job_id, skill)
);
CREATE INDEX job_skills_skill_idx ON job_skills (skill, job_id);
