-- Words are found in any inflection, by the stemmer that SQLite has too, and none is too common to count. The name of a letter with
-- its accents is that of the letter alone.
CREATE EXTENSION IF NOT EXISTS unaccent;
CREATE TEXT SEARCH DICTIONARY jobportal_stem (TEMPLATE = snowball, LANGUAGE = porter);
CREATE TEXT SEARCH CONFIGURATION jobportal (PARSER = default);
ALTER TEXT SEARCH CONFIGURATION jobportal ADD MAPPING FOR asciiword, int, uint, float, sfloat WITH jobportal_stem;
ALTER TEXT SEARCH CONFIGURATION jobportal ADD MAPPING FOR word, numword WITH unaccent, jobportal_stem;

-- A text as it is indexed. Names that are half punctuation are spelled out, as in what is looked for, and other punctuation is
-- taken away where the parser would make hosts, addresses, paths, tags or numbers of it, or takes it for letters.
CREATE FUNCTION search_text(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
SELECT translate(
    replace(replace(replace(lower($1), 'c++', 'cplusplus'), 'c#', 'csharp'), '.net', ' dotnet'),
    '.-/@_&<+~’“”–—…•', repeat(' ', 16)
)
$$;

-- What is ranked, by weight: title, company, skills, location. What is found is in the description too; between the parts stands
-- a word, so that no phrase reaches over their ends.
ALTER TABLE jobs
ADD COLUMN headline tsvector NOT NULL GENERATED ALWAYS AS (
    setweight(to_tsvector('jobportal', search_text(title)), 'A')
    || setweight(to_tsvector('jobportal', search_text(company_name)), 'B')
    || setweight(to_tsvector('jobportal', search_text(skills)), 'C')
    || setweight(to_tsvector('jobportal', search_text(location)), 'D')
) STORED,
ADD COLUMN words tsvector NOT NULL GENERATED ALWAYS AS (
    to_tsvector(
        'jobportal',
        search_text(
            title || ' 0end0 ' || company_name || ' 0end0 ' || skills || ' 0end0 ' || location || ' 0end0 ' || description
        )
    )
) STORED;

-- All are of the jobs that may be live: what is over leaves them, however much there is of it.
DROP INDEX jobs_newest_idx, jobs_open_idx, jobs_title_search_idx, jobs_location_search_idx;
CREATE INDEX jobs_words_idx ON jobs USING gin (words)
WHERE status = 'published' AND deleted_at IS NULL AND closed_at IS NULL;
CREATE INDEX jobs_title_search_idx ON jobs USING gin (title_search gin_trgm_ops)
WHERE status = 'published' AND deleted_at IS NULL AND closed_at IS NULL;
CREATE INDEX jobs_location_search_idx ON jobs USING gin (location_search gin_trgm_ops)
WHERE status = 'published' AND deleted_at IS NULL AND closed_at IS NULL;
CREATE INDEX jobs_company_search_idx ON jobs USING gin (company_search gin_trgm_ops)
WHERE status = 'published' AND deleted_at IS NULL AND closed_at IS NULL;
-- With what most searches ask for, so that they need no look at the wide rows of those that do not fit.
CREATE INDEX jobs_newest_idx ON jobs (posted_at DESC, id DESC) INCLUDE (
    deadline, title_search, location_search, company_search, job_type, job_subtype, experience_level, workplace, country,
    employer_id, salary_yearly_minimum, salary_yearly_maximum, salary_currency
)
WHERE status = 'published' AND deleted_at IS NULL AND closed_at IS NULL;
CREATE INDEX jobs_deadline_idx ON jobs (deadline, id DESC)
WHERE status = 'published' AND deleted_at IS NULL AND closed_at IS NULL;
CREATE INDEX jobs_salary_idx ON jobs (salary_yearly_maximum DESC, id DESC)
WHERE status = 'published' AND deleted_at IS NULL AND closed_at IS NULL;

-- What published jobs say, to suggest it and to correct what is misspelt: a row for each word's beginning of an entry, up to its end.
CREATE TABLE search_terms (
    kind TEXT NOT NULL CHECK (kind IN ('title', 'company', 'skill', 'place', 'word')),
    term TEXT COLLATE "C" NOT NULL,
    -- All of it, in lower case.
    entry TEXT COLLATE "C" NOT NULL,
    -- As it was written first.
    label TEXT NOT NULL,
    jobs BIGINT NOT NULL,
    PRIMARY KEY (kind, term, entry)
);
INSERT INTO search_terms (kind, term, entry, label, jobs)
WITH entries AS MATERIALIZED (
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
)
SELECT DISTINCT kind, substr(entry, place), entry, label, jobs
FROM entries, generate_series(1, length(entry)) AS place
WHERE place = 1 OR (substr(entry, place - 1, 1) = ' ' AND substr(entry, place, 1) <> ' ')
UNION ALL
SELECT 'word', word, word, word, sum(jobs)::BIGINT
FROM (
    SELECT DISTINCT kind, entry, jobs, word
    FROM entries, regexp_split_to_table(search_text(entry), '[\u0001-\u002f\u003a-\u0060\u007b-\u007f]+') AS word
    WHERE kind IN ('title', 'company') AND word <> ''
) AS words
GROUP BY word;
