//! The search engine of the database. A search is a statement that finds the ids of a part, then one that reads those jobs, or both in one.
//!
//! Where not too many jobs fit, all of them are looked up and counted, then ordered. Where more fit than are counted, that would be
//! slow, and the wrong ones might come first; but then they are close together, so the index of the order is walked until the part
//! is full. A filter turns out to be of the second kind by being looked up once, and is remembered for a minute. So is, for some
//! seconds, how many jobs fit, where they are many and the part lies near: then it is walked to, too.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Text};
use jobportal_application::{
    Facet, FacetCount, FacetCounts, FoundJob, FoundJobs, JobDetails, JobFilter, JobOrder, JobSearch, RepositoryError,
    SearchPosition, SearchRequest, SearchStart, Suggestion, SuggestionKind,
};
use jobportal_domain::{JobId, Pay, SearchText};

use self::breadth::Hits;
use self::conditions::{Conditions, Engine, FIRST, Lead, Way};
use self::statement::Statement;
use crate::documents::document_columns;
use crate::employers::{employer_columns, with_logo};
use crate::jobs::{DetailsRow, JobRow, details, job_details};
use crate::schema::{LOGOS, documents, employers, jobs};
use crate::session::Session;

pub(crate) mod breadth;
mod conditions;
mod highlight;
mod order;
mod similar;
mod statement;
pub(crate) mod terms;
mod words;

/// One more than are counted tells that there are more.
const MAX_HITS: u64 = FoundJobs::MAX_COUNT + 1;

/// How many jobs are read for a part, at least as many as are wanted and one more: few numbers, so that few statements differ in it.
const LIMITS: [u32; 4] = [11, 21, 51, 101];

/// An id with its rank; or 0, how many were looked up, and how many of those are left; or -1, the last id of those that were looked
/// up, and that of all.
type Row = (i64, i64, i64);

type Columns = (BigInt, BigInt, BigInt);

type Found = (SearchPosition, JobDetails);

/// What was asked, with what it takes to write it.
struct Part<'r> {
    conditions: Conditions<'r>,
    order: JobOrder,
    start: SearchStart,
}

impl Part<'_> {
    /// How many jobs are wanted, and how many come before them.
    fn bounds(&self) -> (u32, i64) {
        match self.start {
            SearchStart::Page(page) => (page.size(), page.offset()),
            SearchStart::After(_, size) => (size, 0),
        }
    }

    fn statement<C>(&self) -> Statement<C> {
        let is_common = self.conditions.number() <= 3 && self.bounds().1 == 0;
        if is_common { Statement::kept() } else { Statement::once() }
    }

    fn limit<C>(&self, to: &mut Statement<C>) {
        let (size, offset) = self.bounds();
        let limit = LIMITS.into_iter().find(|limit| *limit > size).unwrap_or(size + 1);
        // Not bound: a plan that is kept would be one for a tenth of all jobs.
        to.sql(&format!(" LIMIT {limit}"));
        if offset > 0 {
            to.sql(&format!(" OFFSET {offset}"));
        }
    }

    /// All jobs that fit, up to so many, and the part of them.
    fn lookup(&self, most: Option<u64>) -> Statement<Columns> {
        let mut to = self.statement();
        to.sql("WITH base AS MATERIALIZED (SELECT j.id, j.employer_id, ");
        let way = match self.conditions.way() {
            Way::Walk(_) if self.conditions.only_excludes() => Way::Walk(self.order),
            way => way,
        };
        self.conditions.key(&mut to, self.order);
        to.sql(" AS place");
        self.conditions.write(&mut to, way);
        if let Way::Walk(order) = way {
            order::ordered(&mut to, order);
        }
        to.sql(&most.map_or_else(|| ")".to_owned(), |most| format!(" LIMIT {most})")));
        self.part_of_base(&mut to);
        to
    }

    /// Whether the part lies so far along the index of the order that more jobs are on the way to it than fit.
    fn is_far(&self, hits: Hits) -> bool {
        let (size, offset) = self.bounds();
        hits.number <= (offset + i64::from(size)).saturating_mul(hits.jobs) / hits.number.max(1)
    }

    /// Whether PostgreSQL has to read the words of each job on the way: it looks up about as many in the same time.
    fn is_slow_to_walk(&self) -> bool {
        self.conditions.engine == Engine::Postgres && self.conditions.way() == Way::Lookup(Lead::Words)
    }

    /// Whether which jobs are shown depends on more than where they stand in the order.
    const fn is_thinned(&self) -> bool {
        matches!(self.order, JobOrder::Relevance) || self.conditions.filter.max_per_employer.is_some()
    }

    /// Whether it can be told without all jobs that fit, of which so many were counted lately.
    fn is_known_by(&self, hits: Hits) -> bool {
        hits.are_uncounted() || !(self.is_thinned() || self.is_far(hits))
    }

    /// The part of those jobs that are among the first.
    fn among_first(&self) -> Statement<Columns> {
        let is_ranked_alone =
            self.conditions.engine == Engine::Postgres && self.conditions.filter.max_per_employer.is_none();
        if is_ranked_alone { self.best() } else { self.thinned() }
    }

    /// The best of those jobs that are among the first. To read all words of a job takes PostgreSQL ten times as long as to rank it,
    /// so it does that as far down as the part reaches.
    fn best(&self) -> Statement<Columns> {
        let mut to = self.statement();
        to.sql("SELECT id, place, CAST(0 AS BIGINT) FROM (SELECT id, place FROM (SELECT j.id, ");
        self.conditions.key(&mut to, self.order);
        to.sql(" AS place");
        if self.conditions.number() == 1 {
            self.conditions.first(&mut to, self.order);
        } else {
            // Other conditions may leave out most jobs; the index has what it takes to judge them.
            to.sql(" FROM (SELECT j.id");
            self.conditions.first(&mut to, self.order);
            to.sql(") AS f CROSS JOIN jobs AS j WHERE j.id = f.id");
        }
        to.sql(&format!(") AS first ORDER BY place DESC, id DESC LIMIT {FIRST}) AS best WHERE "));
        if let SearchStart::After(position, _) = self.start {
            order::after(&mut to, self.order, position, "place", "id");
            to.sql(" AND ");
        }
        to.sql("(SELECT COUNT(*) FROM jobs AS j WHERE j.id = best.id");
        self.conditions.words(&mut to, Way::Walk(self.order));
        to.sql(") > 0 ORDER BY place DESC, id DESC");
        self.limit(&mut to);
        to
    }

    /// All of those jobs that are among the first, or as many of an employer as are wanted.
    fn thinned(&self) -> Statement<Columns> {
        let mut to = self.statement();
        to.sql("WITH first AS MATERIALIZED (SELECT j.id");
        self.conditions.first(&mut to, self.order);
        to.sql("), base AS MATERIALIZED (SELECT j.id, j.employer_id, ");
        self.conditions.key(&mut to, self.order);
        to.sql(" AS place");
        self.conditions.among(&mut to, "first");
        to.sql(")");
        self.part_of_base(&mut to);
        to
    }

    fn part_of_base(&self, to: &mut Statement<Columns>) {
        let direction = if self.order == JobOrder::Deadline { "ASC" } else { "DESC" };
        to.sql(", hits AS (SELECT id, place FROM ");
        match self.conditions.filter.max_per_employer {
            Some(most) => {
                let order = format!("PARTITION BY employer_id ORDER BY place {direction}, id DESC");
                to.sql("(SELECT id, place, ROW_NUMBER() OVER (").sql(&order).sql(") AS number FROM base) AS n");
                to.sql(" WHERE number <= ").number(most.into()).sql(")");
            }
            None => {
                to.sql("base)");
            }
        }
        to.sql(" SELECT 0, (SELECT COUNT(*) FROM base), (SELECT COUNT(*) FROM hits)");
        to.sql(
            " UNION ALL SELECT -1, (SELECT COALESCE(MAX(id), 0) FROM base), (SELECT COALESCE(MAX(id), 0) FROM jobs)",
        );
        to.sql(" UNION ALL SELECT id, rank, 0 FROM (SELECT id, ");
        to.sql(if self.order == JobOrder::Relevance { "place" } else { "0" }).sql(" AS rank FROM hits");
        if let SearchStart::After(position, _) = self.start {
            to.sql(" WHERE ");
            order::after(to, self.order, position, "place", "id");
        }
        to.sql(" ORDER BY place ").sql(direction).sql(", id DESC");
        self.limit(to);
        to.sql(") AS part");
    }

    /// That a job is of the part, as found along the index of the order.
    fn walk(&self) -> Statement<Bool> {
        let mut to = self.statement();
        to.sql("jobs.id IN (SELECT j.id");
        self.conditions.write(&mut to, Way::Walk(self.order));
        if let SearchStart::After(position, _) = self.start {
            order::after_job(&mut to, self.order, position);
        }
        order::ordered(&mut to, self.order);
        self.limit(&mut to);
        to.sql(")");
        to
    }
}

impl Session<'_> {
    fn conditions<'f>(&self, filter: &'f JobFilter, ignored: &'f [Facet], now: DateTime<Utc>) -> Conditions<'f> {
        Conditions { engine: Engine::of(self.connection), filter, now, ignored }
    }

    fn rows(&mut self, statement: Statement<Columns>) -> Result<Vec<Row>, RepositoryError> {
        both!(self, |c| statement.load(c))
    }

    /// Reads jobs with their ranks, in this order; without those that were deleted meanwhile.
    fn ranked(&mut self, ranks: &[(i64, i64)], order: JobOrder) -> Result<Vec<Found>, RepositoryError> {
        if ranks.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<i64> = ranks.iter().map(|(id, _)| *id).collect();
        let rows: Vec<DetailsRow> = both!(self, |c| job_details!().filter(jobs::id.eq_any(&ids)).load(c))?;
        let read = rows.into_iter().map(details).collect::<Result<Vec<_>, _>>()?;
        let mut read: HashMap<i64, JobDetails> = read.into_iter().map(|details| (details.job.id.0, details)).collect();
        let found =
            |(id, rank): &(i64, i64)| read.remove(id).map(|details| (position(&details, order, *rank), details));
        Ok(ranks.iter().filter_map(found).collect())
    }

    /// Walks and reads the jobs in one statement.
    fn walked(&mut self, part: &Part<'_>) -> Result<Vec<Found>, RepositoryError> {
        let rows: Vec<DetailsRow> = both!(self, |c| job_details!().filter(part.walk()).load(c))?;
        let read = rows.into_iter().map(details).collect::<Result<Vec<_>, _>>()?;
        let mut found: Vec<Found> =
            read.into_iter().map(|details| (position(&details, part.order, 0), details)).collect();
        let sign = if part.order == JobOrder::Deadline { 1 } else { -1 };
        found.sort_unstable_by_key(|(position, _)| (sign * position.key, -position.id));
        Ok(found)
    }
}

/// How many fit, if that are many, of what was looked up.
fn hits_of(rows: &[Row]) -> Option<Hits> {
    let (_, looked_up, _) = *rows.iter().find(|(id, ..)| *id == 0)?;
    let (_, last, jobs) = *rows.iter().find(|(id, ..)| *id == -1)?;
    let are_all = looked_up.unsigned_abs() < MAX_HITS;
    // They were found in the order of the table, which is about that of ids.
    let number = if are_all { looked_up } else { looked_up.saturating_mul(jobs) / last.max(1) };
    (number >= Hits::MANY).then_some(Hits { number, jobs })
}

/// The place of a job in an order.
fn position(details: &JobDetails, order: JobOrder, rank: i64) -> SearchPosition {
    let job = &details.job;
    let key = match order {
        JobOrder::Relevance => rank,
        JobOrder::Newest => job.posted_at.timestamp_micros(),
        JobOrder::Deadline => job.posting.deadline.timestamp_micros(),
        JobOrder::Salary => {
            let (minimum, maximum) = job.posting.pay.map(Pay::yearly).unwrap_or_default();
            maximum.or(minimum).unwrap_or_default()
        }
    };
    SearchPosition { key, id: job.id.0 }
}

impl JobSearch for Session<'_> {
    fn find(&mut self, request: &SearchRequest, now: DateTime<Utc>) -> Result<FoundJobs, RepositoryError> {
        let filter = &request.filter;
        let order = match request.order {
            // Without words, and of one job, nothing is more relevant.
            JobOrder::Relevance if filter.text.groups().is_empty() || filter.id.is_some() => JobOrder::Newest,
            order => order,
        };
        let part = Part { conditions: self.conditions(filter, &[], now), order, start: request.start };
        let (size, offset) = part.bounds();
        let known = self.breadth.of(filter, now).filter(|hits| part.is_known_by(*hits));
        let mut rows = Vec::new();
        let mut uncounted = known;
        if known.is_none() {
            rows = self.rows(part.lookup(Some(MAX_HITS)))?;
            let hits = hits_of(&rows);
            if let Some(hits) = hits {
                self.breadth.remember(filter, hits, now);
            }
            uncounted = hits.filter(|hits| hits.are_uncounted());
        }
        let mut walked = None;
        if let Some(hits) = uncounted {
            rows = match () {
                () if offset >= SearchRequest::MAX_OFFSET => Vec::new(),
                () if part.is_thinned() => self.rows(part.among_first())?,
                () if part.is_slow_to_walk() && part.is_far(hits) => self.rows(part.lookup(None))?,
                () => {
                    walked = Some(self.walked(&part)?);
                    Vec::new()
                }
            };
        }
        let left = rows.iter().find(|(id, ..)| *id == 0).map(|(.., left)| *left);
        let are_all_looked_at =
            !part.conditions.only_excludes() || rows.iter().all(|(id, _, jobs)| *id != -1 || *jobs <= FIRST.into());
        let ranks: Vec<_> = rows.into_iter().filter(|(id, ..)| *id > 0).map(|(id, rank, _)| (id, rank)).collect();
        let has_more = walked.as_ref().map_or(ranks.len(), Vec::len) > size as usize;
        let mut found = match walked {
            Some(walked) => walked,
            None => self.ranked(ranks.get(..size as usize).unwrap_or(&ranks), order)?,
        };
        found.truncate(size as usize);
        let shown = |(position, details): Found| {
            let highlight = request.highlight.then(|| highlight::highlight(&details.job.posting, &filter.text));
            FoundJob { position, highlight: highlight.flatten(), details }
        };
        // Of employers' first jobs among the first ones, and of all that fit.
        let total = match uncounted {
            Some(hits) => left.filter(|left| *left > 0 && filter.max_per_employer.is_some()).unwrap_or(hits.total()),
            None => left.unwrap_or_default(),
        };
        Ok(FoundJobs {
            jobs: found.into_iter().map(shown).collect(),
            total: total.unsigned_abs(),
            total_is_exact: uncounted.is_none() && are_all_looked_at,
            has_more,
            facets: Vec::new(),
            corrected: None,
        })
    }

    fn count(
        &mut self,
        filter: &JobFilter,
        facets: &[Facet],
        now: DateTime<Utc>,
    ) -> Result<Vec<FacetCounts>, RepositoryError> {
        let conditions = self.conditions(filter, facets, now);
        let mut to = Statement::<(Integer, Text, BigInt)>::once();
        to.sql("WITH base AS MATERIALIZED (SELECT j.id, j.company_name");
        for (number, facet) in facets.iter().enumerate() {
            if !matches!(facet, Facet::Skill | Facet::Company) {
                to.sql(", j.").sql(conditions::column(*facet));
            }
            to.sql(", ");
            conditions.fits(&mut to, *facet);
            to.sql(&format!(" AS fits{number}"));
        }
        let way = conditions.way();
        conditions.write(&mut to, way);
        if let Way::Walk(order) = way {
            order::ordered(&mut to, order);
        }
        to.sql(&format!(" LIMIT {MAX_HITS}) SELECT -1, '', COUNT(*) FROM base"));
        if conditions.only_excludes() {
            to.sql(" UNION ALL SELECT -2, '', COALESCE(MAX(id), 0) FROM jobs");
        }
        let collation = if conditions.engine == Engine::Postgres { " COLLATE \"C\"" } else { "" };
        for (number, facet) in facets.iter().enumerate() {
            let value = if *facet == Facet::Skill { "s.skill" } else { conditions::column(*facet) };
            to.sql(&format!(" UNION ALL SELECT * FROM (SELECT {number}, {value}, COUNT(*) FROM base"));
            if *facet == Facet::Skill {
                // For SQLite it says too which comes first.
                to.sql(" CROSS JOIN job_skills AS s WHERE s.job_id = base.id");
            } else {
                to.sql(&format!(" WHERE {value} IS NOT NULL"));
            }
            for other in (0..facets.len()).filter(|other| *other != number) {
                to.sql(&format!(" AND fits{other}"));
            }
            let most = FacetCounts::MAX_VALUES;
            to.sql(&format!(" GROUP BY {value} ORDER BY COUNT(*) DESC, {value}{collation} LIMIT {most}) AS c{number}"));
        }
        let rows: Vec<(i32, String, i64)> = both!(self, |c| to.load(c))?;
        let is_exact = rows.iter().filter(|(number, ..)| *number < 0).all(|(.., all)| all.unsigned_abs() < MAX_HITS);
        let counts = |(number, facet): (i32, &Facet)| {
            let values = rows.iter().filter(|(of, ..)| *of == number);
            let values = values.map(|(_, value, n)| FacetCount { value: value.clone(), count: n.unsigned_abs() });
            FacetCounts { facet: *facet, values: values.collect(), is_exact }
        };
        Ok((0..).zip(facets).map(counts).collect())
    }

    fn correct(&mut self, text: &SearchText) -> Result<Option<SearchText>, RepositoryError> {
        self.correct_words(text)
    }

    fn suggest(
        &mut self,
        prefix: &str,
        kinds: &[SuggestionKind],
        limit: u32,
    ) -> Result<Vec<Suggestion>, RepositoryError> {
        kinds.iter().try_fold(Vec::new(), |mut all, kind| {
            all.extend(self.suggest_kind(prefix, *kind, limit)?);
            Ok(all)
        })
    }

    fn similar(&mut self, id: JobId, now: DateTime<Utc>, limit: u32) -> Result<Vec<JobDetails>, RepositoryError> {
        self.similar_jobs(id, now, limit)
    }
}
