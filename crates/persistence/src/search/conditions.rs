use chrono::{DateTime, TimeDelta, Utc};
use jobportal_application::{Facet, JobFilter, JobOrder};
use jobportal_domain::{Country, ExperienceLevel, JobSubtype, JobType, Workplace};

use super::order::{order_of, ordered};
use super::statement::Statement;
use super::words::{any_of, any_word, fts5, fts5_term, has_phrase, quoted, tsquery};
use crate::connection::AnyConnection;
use crate::time::At;

/// Whose SQL it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    pub(crate) const fn of(connection: &AnyConnection) -> Self {
        match connection {
            AnyConnection::Sqlite(_) => Self::Sqlite,
            AnyConnection::Postgres(_) => Self::Postgres,
        }
    }
}

/// What has an index that finds it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lead {
    Id,
    Words,
    Parts,
    Skills,
    Employer,
}

/// How the jobs that fit are come by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// By the index of what is looked for, in no order.
    Lookup(Lead),
    /// Along the index of an order, as far as needed: each job is looked at. The conditions are written so that no other index
    /// could serve them; else PostgreSQL, which can't know how many jobs fit, finds and sorts them all.
    Walk(JobOrder),
}

/// Of a broad search those jobs are ranked, or thinned out, that are among so many of the first.
pub(crate) const FIRST: u32 = 10_000;

/// For a phrase PostgreSQL looks at each job with all its words; at so many at most.
pub(crate) const MAX_CANDIDATES: u32 = 10_000;

/// A filter, made SQL.
pub(crate) struct Conditions<'f> {
    pub(crate) engine: Engine,
    pub(crate) filter: &'f JobFilter,
    pub(crate) now: DateTime<Utc>,
    /// Filters by these do not count.
    pub(crate) ignored: &'f [Facet],
}

impl Conditions<'_> {
    fn counts(&self, facet: Facet) -> bool {
        !self.ignored.contains(&facet)
    }

    fn company(&self) -> Option<&String> {
        self.filter.company.as_ref().filter(|_| self.counts(Facet::Company))
    }

    /// Whether the only words are such as must not be there. No index finds what is without a word, and it may be in nearly all jobs;
    /// so only the first jobs in the order are looked at.
    pub(crate) fn only_excludes(&self) -> bool {
        self.filter.text.groups().is_empty() && !self.filter.text.is_empty()
    }

    /// The way to all jobs that fit.
    pub(crate) fn way(&self) -> Way {
        let filter = self.filter;
        let parts = [filter.title.as_ref(), filter.location.as_ref(), self.company()];
        let has_skills = !(filter.all_skills.is_empty() && filter.any_skills.is_empty());
        if filter.id.is_some() {
            Way::Lookup(Lead::Id)
        } else if !filter.text.groups().is_empty() {
            Way::Lookup(Lead::Words)
        } else if parts.into_iter().flatten().any(|part| is_long(part)) {
            Way::Lookup(Lead::Parts)
        } else if filter.employer.is_some() {
            Way::Lookup(Lead::Employer)
        } else if has_skills && self.counts(Facet::Skill) {
            Way::Lookup(Lead::Skills)
        } else {
            Way::Walk(JobOrder::Newest)
        }
    }

    /// Writes `FROM … WHERE …` for the live jobs `j` that fit.
    pub(crate) fn write<C>(&self, to: &mut Statement<C>, way: Way) {
        let filter = self.filter;
        match (self.engine, way) {
            (_, Way::Walk(order)) if self.only_excludes() => {
                to.sql(" FROM (SELECT j.*");
                self.first(to, order);
                to.sql(") AS j WHERE 1 = 1");
                self.words(to, way);
                return;
            }
            (Engine::Sqlite, Way::Walk(order)) => {
                to.sql(" FROM jobs AS j INDEXED BY ").sql(order_of(order).1).sql(" WHERE ");
            }
            (Engine::Sqlite, Way::Lookup(Lead::Words)) => {
                to.sql(" FROM job_words AS w CROSS JOIN jobs AS j ON j.id = w.rowid WHERE w.job_words MATCH ");
                to.text(&fts5(&filter.text)).sql(" AND ");
            }
            (Engine::Sqlite, Way::Lookup(Lead::Parts)) => {
                let parts = [
                    ("title", filter.title.as_ref()),
                    ("location", filter.location.as_ref()),
                    ("company", self.company()),
                ];
                let parts =
                    parts.into_iter().filter_map(|(column, part)| Some((column, part.filter(|part| is_long(part))?)));
                let parts: Vec<_> = parts.map(|(column, part)| format!("{column} : {}", quoted(part))).collect();
                to.sql(" FROM job_parts AS p CROSS JOIN jobs AS j ON j.id = p.rowid WHERE p.job_parts MATCH ");
                to.text(&parts.join(" AND ")).sql(" AND ");
            }
            (Engine::Postgres, Way::Lookup(Lead::Words)) if has_phrase(&filter.text) => {
                to.sql(" FROM (SELECT j.* FROM jobs AS j WHERE ");
                self.live(to);
                to.sql(" AND j.words @@ (SELECT to_tsquery('jobportal', ").text(&tsquery(&filter.text, false));
                to.sql(&format!(")) LIMIT {MAX_CANDIDATES}) AS j WHERE "));
            }
            (Engine::Sqlite | Engine::Postgres, _) => {
                to.sql(" FROM jobs AS j WHERE ");
            }
        }
        self.live(to);
        self.texts(to, way);
        self.rest(to, way);
    }

    /// Writes `FROM … LIMIT …` for the first jobs `j` in an order that all conditions but the words hold for. For words that are in
    /// too many jobs.
    pub(crate) fn first<C>(&self, to: &mut Statement<C>, order: JobOrder) {
        let way = Way::Walk(order);
        let index = if self.engine == Engine::Sqlite { " INDEXED BY " } else { "" };
        let name = if self.engine == Engine::Sqlite { order_of(order).1 } else { "" };
        to.sql(" FROM jobs AS j").sql(index).sql(name).sql(" WHERE ");
        self.live(to);
        self.parts(to, way);
        self.rest(to, way);
        ordered(to, order);
        to.sql(&format!(" LIMIT {FIRST}"));
    }

    /// Those of `first` that the words are in.
    pub(crate) fn among<C>(&self, to: &mut Statement<C>, first: &str) {
        if self.engine == Engine::Sqlite && !self.filter.text.groups().is_empty() {
            to.sql(" FROM job_words AS w CROSS JOIN jobs AS j ON j.id = w.rowid WHERE w.job_words MATCH ");
            to.text(&fts5(&self.filter.text)).sql(" AND +w.rowid IN (SELECT id FROM ").sql(first).sql(")");
        } else {
            to.sql(" FROM ").sql(first).sql(" AS f CROSS JOIN jobs AS j WHERE j.id = f.id");
            self.words(to, Way::Walk(JobOrder::Newest));
        }
    }

    /// The column that an order goes by.
    pub(crate) fn key<C>(&self, to: &mut Statement<C>, order: JobOrder) {
        let is_ranked = order == JobOrder::Relevance && !self.filter.text.groups().is_empty();
        match self.engine {
            Engine::Postgres if is_ranked => {
                to.sql("(ts_rank(j.headline, (SELECT to_tsquery('jobportal', ").text(&any_word(&self.filter.text));
                to.sql("))) * 1000000)::BIGINT");
            }
            Engine::Sqlite if is_ranked => {
                to.sql("CAST(-1000000000 * bm25(job_words, 10.0, 4.0, 2.0, 1.0, 0.0) AS INTEGER)");
            }
            Engine::Postgres | Engine::Sqlite => {
                to.sql(order_of(order).2);
            }
        }
    }

    fn live<C>(&self, to: &mut Statement<C>) {
        // The first three as the indexes have them, word by word.
        to.sql("j.status = 'published' AND j.deleted_at IS NULL AND j.closed_at IS NULL AND j.deadline > ");
        to.time(At(self.now));
    }

    fn texts<C>(&self, to: &mut Statement<C>, way: Way) {
        self.words(to, way);
        self.parts(to, way);
    }

    pub(crate) fn words<C>(&self, to: &mut Statement<C>, way: Way) {
        let text = &self.filter.text;
        if text.is_empty() {
            return;
        }
        match (self.engine, way) {
            (Engine::Sqlite, Way::Lookup(Lead::Words)) => {}
            (Engine::Sqlite, _) if text.groups().is_empty() => {
                to.sql(" AND j.id NOT IN (SELECT rowid FROM job_words WHERE job_words MATCH ");
                to.text(&any_of(text.excluded().iter().map(fts5_term))).sql(")");
            }
            (Engine::Sqlite, _) => {
                to.sql(" AND j.id IN (SELECT rowid FROM job_words WHERE job_words MATCH ").text(&fts5(text)).sql(")");
            }
            (Engine::Postgres, Way::Lookup(Lead::Words)) if !has_phrase(text) => {
                to.sql(" AND j.words @@ (SELECT to_tsquery('jobportal', ").text(&tsquery(text, true)).sql("))");
            }
            (Engine::Postgres, _) => {
                to.sql(" AND ts_match_vq(j.words, (SELECT to_tsquery('jobportal', ");
                to.text(&tsquery(text, true)).sql(")))");
            }
        }
    }

    fn parts<C>(&self, to: &mut Statement<C>, way: Way) {
        let filter = self.filter;
        let parts = [
            ("j.title_search", filter.title.as_ref()),
            ("j.location_search", filter.location.as_ref()),
            ("j.company_search", self.company()),
        ];
        for (column, part) in parts {
            let Some(part) = part else { continue };
            match (self.engine, way) {
                (Engine::Sqlite, Way::Lookup(Lead::Parts)) if is_long(part) => {}
                (Engine::Sqlite, _) => {
                    to.sql(" AND instr(").sql(column).sql(", ").text(part).sql(") > 0");
                }
                (Engine::Postgres, Way::Lookup(Lead::Words | Lead::Parts | Lead::Employer)) if is_long(part) => {
                    to.sql(" AND ").sql(column).sql(" LIKE ").text(&format!("%{}%", crate::jobs::escape(part)));
                }
                (Engine::Postgres, _) => {
                    to.sql(" AND strpos(").sql(column).sql(", ").text(part).sql(") > 0");
                }
            }
        }
    }

    /// All conditions but those on texts.
    fn rest<C>(&self, to: &mut Statement<C>, way: Way) {
        let filter = self.filter;
        if let Some(id) = filter.id {
            to.sql(" AND j.id = ").number(id.0);
        }
        if let Some(employer) = filter.employer {
            to.sql(" AND j.employer_id = ").number(employer.0);
        }
        for facet in SETS {
            if self.counts(facet) {
                self.set(to, facet, " AND ");
            }
        }
        if let Some(pay) = filter.pay {
            to.sql(" AND j.salary_currency = ").text(pay.currency.as_str());
            to.sql(" AND j.salary_yearly_maximum >= ").number(pay.minimum.unwrap_or(0));
            to.sql(" AND j.salary_yearly_minimum <= ").number(pay.maximum.unwrap_or(i64::MAX));
        }
        if let Some(days) = filter.posted_within_days {
            let since = TimeDelta::try_days(days.into()).and_then(|days| self.now.checked_sub_signed(days));
            to.sql(" AND j.posted_at >= ").time(At(since.unwrap_or(DateTime::UNIX_EPOCH)));
        }
        if self.counts(Facet::Skill) {
            self.skills(to, way == Way::Lookup(Lead::Skills), " AND ");
        }
        if let Some(user) = filter.not_applied_by {
            // A number, and no join: that would come in an order of its own.
            to.sql(" AND (SELECT COUNT(*) FROM applications AS a WHERE a.job_id = j.id AND a.candidate_id = (");
            to.sql("SELECT c.id FROM candidates AS c WHERE c.user_id = ").number(user.0).sql(")) = 0");
        }
    }

    /// The values of a closed set that the filter names.
    fn chosen(&self, facet: Facet) -> Vec<&'static str> {
        let filter = self.filter;
        match facet {
            Facet::JobType => filter.job_types.iter().map(|value| JobType::as_str(*value)).collect(),
            Facet::JobSubtype => filter.job_subtypes.iter().map(|value| JobSubtype::as_str(*value)).collect(),
            Facet::ExperienceLevel => {
                filter.experience_levels.iter().map(|value| ExperienceLevel::as_str(*value)).collect()
            }
            Facet::Workplace => filter.workplaces.iter().map(|value| Workplace::as_str(*value)).collect(),
            Facet::Country => filter.countries.iter().map(|value| Country::as_str(*value)).collect(),
            Facet::Skill | Facet::Company => Vec::new(),
        }
    }

    /// The condition on a closed set, if there is one.
    fn set<C>(&self, to: &mut Statement<C>, facet: Facet, before: &str) {
        let values = self.chosen(facet);
        if !values.is_empty() {
            to.sql(before).sql("j.").sql(column(facet));
            self.one_of(to, &values);
        }
    }

    fn skills<C>(&self, to: &mut Statement<C>, leads: bool, mut before: &'static str) {
        let (all, any) = (&self.filter.all_skills, &self.filter.any_skills);
        let mut leads = leads;
        let mut begin = |to: &mut Statement<C>| {
            let (open, close) = if std::mem::take(&mut leads) {
                ("j.id IN (SELECT s.job_id FROM job_skills AS s WHERE s.skill", ")")
            } else {
                ("(SELECT COUNT(*) FROM job_skills AS s WHERE s.job_id = j.id AND s.skill", ") > 0")
            };
            to.sql(std::mem::replace(&mut before, " AND ")).sql(open);
            close
        };
        for skill in all {
            let close = begin(to);
            to.sql(" = ").text(skill).sql(close);
        }
        if !any.is_empty() {
            let close = begin(to);
            self.one_of(to, &any.iter().map(String::as_str).collect::<Vec<_>>());
            to.sql(close);
        }
    }

    /// Writes that what stands before is one of these, as one value: however many they are, it is the same statement.
    fn one_of<C>(&self, to: &mut Statement<C>, values: &[&str]) {
        match self.engine {
            Engine::Sqlite => {
                let list = serde_json::Value::from(values).to_string();
                to.sql(" IN (SELECT value FROM json_each(").text(&list).sql("))");
            }
            Engine::Postgres => {
                to.sql(" = ANY ((SELECT string_to_array(").text(&values.join("\n")).sql(", E'\\n'))::TEXT[])");
            }
        }
    }

    /// Whether a job fits the filter by a facet, if there is such a filter.
    pub(crate) fn fits<C>(&self, to: &mut Statement<C>, facet: Facet) {
        let filter = self.filter;
        match facet {
            Facet::Skill if !(filter.all_skills.is_empty() && filter.any_skills.is_empty()) => {
                self.skills(to, false, "");
            }
            Facet::Company if filter.company.is_some() => {
                let function = if self.engine == Engine::Sqlite { "instr" } else { "strpos" };
                let part = filter.company.as_deref().unwrap_or_default();
                to.sql(function).sql("(j.company_search, ").text(part).sql(") > 0");
            }
            Facet::Skill | Facet::Company => {
                to.sql("1 = 1");
            }
            _ if self.has_set(facet) => self.set(to, facet, ""),
            _ => {
                to.sql("1 = 1");
            }
        }
    }

    fn has_set(&self, facet: Facet) -> bool {
        !self.chosen(facet).is_empty()
    }

    /// How many conditions there are: the more, the rarer is the statement.
    pub(crate) fn number(&self) -> usize {
        let filter = self.filter;
        let sets = SETS.into_iter().filter(|facet| self.has_set(*facet)).count();
        let others = [
            filter.id.is_some(),
            !filter.text.is_empty(),
            has_phrase(&filter.text),
            filter.title.is_some(),
            filter.location.is_some(),
            filter.company.is_some(),
            filter.employer.is_some(),
            filter.pay.is_some(),
            filter.posted_within_days.is_some(),
            !filter.all_skills.is_empty(),
            !filter.any_skills.is_empty(),
            filter.not_applied_by.is_some(),
            filter.max_per_employer.is_some(),
        ];
        sets + others.into_iter().filter(|is_there| *is_there).count() + filter.all_skills.len().saturating_sub(1)
    }
}

/// Facets that are columns with few values.
const SETS: [Facet; 5] = [Facet::JobType, Facet::JobSubtype, Facet::ExperienceLevel, Facet::Workplace, Facet::Country];

/// The column of jobs that has the values of a facet.
pub(crate) const fn column(facet: Facet) -> &'static str {
    match facet {
        Facet::JobType => "job_type",
        Facet::JobSubtype => "job_subtype",
        Facet::ExperienceLevel => "experience_level",
        Facet::Workplace => "workplace",
        Facet::Country => "country",
        Facet::Skill => "skills",
        Facet::Company => "company_name",
    }
}

/// Whether an index finds a part of a text: both take three letters together. Those of PostgreSQL may be none but ASCII's, depending
/// on the collation of the database.
fn is_long(part: &str) -> bool {
    part.split(|c: char| !c.is_ascii_alphanumeric()).any(|run| run.len() >= 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_letters_together_are_found_by_an_index() {
        assert!(is_long("c++ dev") && is_long("b2b"));
        assert!(!is_long("qa") && !is_long("c++") && !is_long("a b c") && !is_long("köln"));
    }
}
