-- Words are found in any inflection, and none is too common to count. The name of a letter with its accents is that of the letter
-- alone; marks are parts of the words that they are in.
CREATE VIRTUAL TABLE job_words USING fts5(
    title, company, skills, location, description,
    content = '', contentless_delete = 1, tokenize = "porter unicode61 remove_diacritics 2 categories 'L* N* Co M*'"
);
-- Texts are found by any three letters or more that are in them. They are in lower case.
CREATE VIRTUAL TABLE job_parts USING fts5(
    title, location, company,
    content = '', contentless_delete = 1, tokenize = 'trigram case_sensitive 1'
);
INSERT INTO job_words (rowid, title, company, skills, location, description)
SELECT
    id,
    replace(replace(replace(lower(title), 'c++', 'cplusplus'), 'c#', 'csharp'), '.net', ' dotnet'),
    replace(replace(replace(lower(company_name), 'c++', 'cplusplus'), 'c#', 'csharp'), '.net', ' dotnet'),
    replace(replace(replace(lower(skills), 'c++', 'cplusplus'), 'c#', 'csharp'), '.net', ' dotnet'),
    replace(replace(replace(lower(location), 'c++', 'cplusplus'), 'c#', 'csharp'), '.net', ' dotnet'),
    replace(replace(replace(lower(description), 'c++', 'cplusplus'), 'c#', 'csharp'), '.net', ' dotnet')
FROM jobs WHERE status = 'published' AND deleted_at IS NULL AND closed_at IS NULL;
INSERT INTO job_parts (rowid, title, location, company)
SELECT id, title_search, location_search, company_search
FROM jobs WHERE status = 'published' AND deleted_at IS NULL AND closed_at IS NULL;

-- Both hold the jobs that may be live. Names that are half punctuation are spelled out, as in what is looked for.
CREATE TRIGGER jobs_searchable_insert AFTER INSERT ON jobs
WHEN new.status = 'published' AND new.deleted_at IS NULL AND new.closed_at IS NULL
BEGIN
    INSERT INTO job_words (rowid, title, company, skills, location, description) VALUES (
        new.id,
        replace(replace(replace(lower(new.title), 'c++', 'cplusplus'), 'c#', 'csharp'), '.net', ' dotnet'),
        replace(replace(replace(lower(new.company_name), 'c++', 'cplusplus'), 'c#', 'csharp'), '.net', ' dotnet'),
        replace(replace(replace(lower(new.skills), 'c++', 'cplusplus'), 'c#', 'csharp'), '.net', ' dotnet'),
        replace(replace(replace(lower(new.location), 'c++', 'cplusplus'), 'c#', 'csharp'), '.net', ' dotnet'),
        replace(replace(replace(lower(new.description), 'c++', 'cplusplus'), 'c#', 'csharp'), '.net', ' dotnet')
    );
    INSERT INTO job_parts (rowid, title, location, company)
    VALUES (new.id, new.title_search, new.location_search, new.company_search);
END;
CREATE TRIGGER jobs_searchable_delete AFTER DELETE ON jobs
WHEN old.status = 'published' AND old.deleted_at IS NULL AND old.closed_at IS NULL
BEGIN
    DELETE FROM job_words WHERE rowid = old.id;
    DELETE FROM job_parts WHERE rowid = old.id;
END;
CREATE TRIGGER jobs_searchable_hide AFTER UPDATE ON jobs
WHEN old.status = 'published' AND old.deleted_at IS NULL AND old.closed_at IS NULL
AND NOT (new.status = 'published' AND new.deleted_at IS NULL AND new.closed_at IS NULL)
BEGIN
    DELETE FROM job_words WHERE rowid = old.id;
    DELETE FROM job_parts WHERE rowid = old.id;
END;
CREATE TRIGGER jobs_searchable_show AFTER UPDATE ON jobs
WHEN new.status = 'published' AND new.deleted_at IS NULL AND new.closed_at IS NULL
AND (new.title, new.company_name, new.skills, new.location, new.description, new.status, new.deleted_at, new.closed_at)
IS NOT (old.title, old.company_name, old.skills, old.location, old.description, old.status, old.deleted_at, old.closed_at)
BEGIN
    DELETE FROM job_words WHERE rowid = new.id;
    DELETE FROM job_parts WHERE rowid = new.id;
    INSERT INTO job_words (rowid, title, company, skills, location, description) VALUES (
        new.id,
        replace(replace(replace(lower(new.title), 'c++', 'cplusplus'), 'c#', 'csharp'), '.net', ' dotnet'),
        replace(replace(replace(lower(new.company_name), 'c++', 'cplusplus'), 'c#', 'csharp'), '.net', ' dotnet'),
        replace(replace(replace(lower(new.skills), 'c++', 'cplusplus'), 'c#', 'csharp'), '.net', ' dotnet'),
        replace(replace(replace(lower(new.location), 'c++', 'cplusplus'), 'c#', 'csharp'), '.net', ' dotnet'),
        replace(replace(replace(lower(new.description), 'c++', 'cplusplus'), 'c#', 'csharp'), '.net', ' dotnet')
    );
    INSERT INTO job_parts (rowid, title, location, company)
    VALUES (new.id, new.title_search, new.location_search, new.company_search);
END;

-- All are of the jobs that may be live: what is over leaves them, however much there is of it. The first has what most searches ask
-- for, so that they need no look at the wide rows of those that do not fit. SQLite reads even what is the same in all.
DROP INDEX jobs_newest_idx;
DROP INDEX jobs_open_idx;
CREATE INDEX jobs_newest_idx ON jobs (
    posted_at DESC, id DESC, deadline, title_search, location_search, company_search, job_type, job_subtype, experience_level,
    workplace, country, employer_id, salary_yearly_minimum, salary_yearly_maximum, salary_currency, status, deleted_at, closed_at
) WHERE status = 'published' AND deleted_at IS NULL AND closed_at IS NULL;
CREATE INDEX jobs_deadline_idx ON jobs (deadline, id DESC)
WHERE status = 'published' AND deleted_at IS NULL AND closed_at IS NULL;
CREATE INDEX jobs_salary_idx ON jobs (salary_yearly_maximum DESC, id DESC)
WHERE status = 'published' AND deleted_at IS NULL AND closed_at IS NULL;

-- What published jobs say, to suggest it and to correct what is misspelt: a row for each word's beginning of an entry, up to its end.
CREATE TABLE search_terms (
    kind TEXT NOT NULL CHECK (kind IN ('title', 'company', 'skill', 'place', 'word')),
    term TEXT NOT NULL,
    -- All of it, in lower case.
    entry TEXT NOT NULL,
    -- As it was written first.
    label TEXT NOT NULL,
    jobs INTEGER NOT NULL,
    PRIMARY KEY (kind, term, entry)
) STRICT, WITHOUT ROWID;
INSERT INTO search_terms (kind, term, entry, label, jobs)
WITH RECURSIVE entries AS MATERIALIZED (
    SELECT 'title' AS kind, title_search AS entry, min(title) AS label, count(*) AS jobs
    FROM jobs WHERE status = 'published' AND deleted_at IS NULL AND closed_at IS NULL GROUP BY title_search
    UNION ALL
    SELECT 'company', company_search, min(company_name), count(*)
    FROM jobs WHERE status = 'published' AND deleted_at IS NULL AND closed_at IS NULL GROUP BY company_search
    UNION ALL
    SELECT 'place', location_search, min(location), count(*)
    FROM jobs WHERE status = 'published' AND deleted_at IS NULL AND closed_at IS NULL GROUP BY location_search
    UNION ALL
    SELECT 'skill', skill, skill, count(*)
    FROM job_skills INNER JOIN jobs ON jobs.id = job_skills.job_id
    WHERE status = 'published' AND deleted_at IS NULL AND closed_at IS NULL GROUP BY skill
),
terms AS (
    SELECT kind, entry AS term, entry, label, jobs FROM entries
    UNION
    SELECT kind, ltrim(substr(term, instr(term, ' '))), entry, label, jobs
    FROM terms WHERE instr(term, ' ') > 0 AND ltrim(substr(term, instr(term, ' '))) <> ''
)
SELECT kind, term, entry, label, jobs FROM terms;
INSERT INTO search_terms (kind, term, entry, label, jobs)
WITH RECURSIVE plain AS MATERIALIZED (
    SELECT kind, entry, jobs, replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(lower(entry), 'c++', 'cplusplus'), 'c#', 'csharp'), '.net', ' dotnet'), '.', ' '), ',', ' '), '-', ' '), '/', ' '), '(', ' '), ')', ' '), '&', ' '), '+', ' '), '_', ' '), ':', ' '), '''', ' '), '"', ' '), '|', ' ') || ' ' AS rest
    FROM search_terms WHERE kind IN ('title', 'company') AND term = entry
),
words AS (
    SELECT kind, entry, jobs, '' AS word, rest FROM plain
    UNION
    SELECT kind, entry, jobs, substr(rest, 1, instr(rest, ' ') - 1), substr(rest, instr(rest, ' ') + 1)
    FROM words WHERE rest <> ''
)
SELECT 'word', word, word, word, sum(jobs)
FROM (SELECT DISTINCT kind, entry, jobs, word FROM words WHERE word <> '') GROUP BY word;
