-- What a job can be searched by beside its texts, and where it stands.
-- Pay is in the currency's smallest unit; its yearly form is for comparing, 0 where it is not known.
ALTER TABLE jobs ADD COLUMN status TEXT NOT NULL DEFAULT 'published' CHECK (
    status IN ('draft', 'published', 'paused', 'filled', 'withdrawn')
);
ALTER TABLE jobs ADD COLUMN workplace TEXT CHECK (workplace IN ('on-site', 'hybrid', 'remote'));
ALTER TABLE jobs ADD COLUMN country TEXT CHECK (length(country) = 2);
-- One on each line, as the employer writes them. The rows of job_skills say the same in lower case.
ALTER TABLE jobs ADD COLUMN skills TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN salary_minimum INTEGER CHECK (salary_minimum >= 0);
ALTER TABLE jobs ADD COLUMN salary_maximum INTEGER CHECK (salary_maximum >= 0);
ALTER TABLE jobs ADD COLUMN salary_currency TEXT CHECK (length(salary_currency) = 3);
ALTER TABLE jobs ADD COLUMN salary_period TEXT CHECK (
    salary_period IS NULL OR (salary_period IN ('hour', 'day', 'week', 'month', 'year') AND salary_currency IS NOT NULL)
);
ALTER TABLE jobs ADD COLUMN salary_yearly_minimum INTEGER NOT NULL DEFAULT 0 CHECK (salary_yearly_minimum >= 0);
ALTER TABLE jobs ADD COLUMN salary_yearly_maximum INTEGER NOT NULL DEFAULT 0 CHECK (salary_yearly_maximum >= 0);
-- A column that may not be empty can be added only with a default; it stands in no row.
ALTER TABLE jobs ADD COLUMN company_search TEXT NOT NULL DEFAULT '';
UPDATE jobs SET company_search = lower(company_name);

CREATE TABLE job_skills (
    job_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    skill TEXT NOT NULL,
    PRIMARY KEY (job_id, skill)
) STRICT, WITHOUT ROWID;
CREATE INDEX job_skills_skill_idx ON job_skills (skill, job_id);
