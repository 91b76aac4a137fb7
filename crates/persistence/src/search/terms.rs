//! What published jobs say: to suggest it to those who type, and to correct what is misspelt.
//!
//! All who change a job hold the clock of the jobs' feed, so that no two of them wait for each other here.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text as SqlText};
use jobportal_application::{RepositoryError, Suggestion, SuggestionKind};
use jobportal_domain::{Job, JobPosting, JobStatus, SearchText, Term};

use super::statement::Statement;
use crate::session::Session;

const TITLE: &str = "title";
const COMPANY: &str = "company";
const SKILL: &str = "skill";
const PLACE: &str = "place";
const WORD: &str = "word";

/// In how many beginnings of words an entry is found.
const MAX_BEGINNINGS: usize = 10;

/// How many rows are written at once; each has five values.
const BATCH: usize = 5_000;

/// How many words are corrected at most, and how many are compared with them.
const MAX_CORRECTED: usize = 3;
const MAX_COMPARED: u32 = 200_000;

/// Kind, term and entry.
type Key = (&'static str, String, String);

/// What changes: of each term how it is written, and in how many more jobs it is.
#[derive(Default)]
pub(crate) struct Terms(BTreeMap<Key, (String, i64)>);

impl Terms {
    /// A job appears or disappears with all that it says.
    pub(crate) fn add(&mut self, posting: &JobPosting, jobs: i64) {
        let texts = [
            (TITLE, posting.title.as_str()),
            (COMPANY, posting.company_name.as_str()),
            (PLACE, posting.location.as_str()),
        ];
        let skills = posting.skills.iter().map(|skill| (SKILL, skill.as_str()));
        for (kind, label) in texts.into_iter().chain(skills) {
            let entry = label.to_lowercase();
            for term in beginnings(&entry) {
                self.count((kind, term.to_owned(), entry.clone()), label, jobs);
            }
        }
        for (kind, text) in texts {
            if kind != PLACE {
                for word in words(text) {
                    self.count((WORD, word.clone(), word.clone()), &word, jobs);
                }
            }
        }
    }

    fn count(&mut self, key: Key, label: &str, jobs: i64) {
        self.0.entry(key).or_insert_with(|| (label.to_owned(), 0)).1 += jobs;
    }
}

/// Whether what a job says is counted.
pub(crate) fn is_counted(job: &Job) -> bool {
    job.status == JobStatus::Published && !job.is_deleted() && job.closed_at.is_none()
}

/// What an entry is found by: all of it, and what begins with another word of it.
fn beginnings(entry: &str) -> BTreeSet<&str> {
    let spaces = entry.match_indices(' ').filter_map(|(place, _)| entry.get(place..)).map(str::trim_start);
    std::iter::once(entry).chain(spaces.filter(|rest| !rest.is_empty())).take(MAX_BEGINNINGS).collect()
}

/// The words of a text, each once.
pub(super) fn words(text: &str) -> Vec<String> {
    let phrase = SearchText::parse(&format!("\"{}\"", text.replace('"', " ")));
    let words: BTreeSet<&str> = phrase.positive_words().collect();
    words.into_iter().map(str::to_owned).collect()
}

/// How far a word may be from what it is corrected to.
fn tolerance(word: &str) -> usize {
    match word.chars().count() {
        0..4 => 0,
        4..8 => 1,
        _ => 2,
    }
}

impl Session<'_> {
    /// Stores what changed.
    pub(crate) fn adjust_terms(&mut self, terms: Terms) -> Result<(), RepositoryError> {
        let changes: Vec<_> = terms.0.into_iter().filter(|(_, (_, jobs))| *jobs != 0).collect();
        for batch in changes.chunks(BATCH) {
            let mut to = Statement::<()>::once();
            to.sql("INSERT INTO search_terms (kind, term, entry, label, jobs) VALUES ");
            for (number, ((kind, term, entry), (label, jobs))) in batch.iter().enumerate() {
                to.sql(if number == 0 { "(" } else { ", (" });
                to.text(kind).sql(", ").text(term).sql(", ").text(entry).sql(", ").text(label).sql(", ");
                to.number(*jobs).sql(")");
            }
            to.sql(" ON CONFLICT (kind, term, entry) DO UPDATE SET jobs = search_terms.jobs + excluded.jobs");
            both!(self, |c| to.execute(c))?;

            let gone: Vec<_> = batch.iter().filter(|(_, (_, jobs))| *jobs < 0).map(|(key, _)| key).collect();
            if !gone.is_empty() {
                let mut to = Statement::<()>::once();
                to.sql("DELETE FROM search_terms WHERE jobs <= 0 AND (kind, term, entry) IN (VALUES ");
                for (number, (kind, term, entry)) in gone.into_iter().enumerate() {
                    to.sql(if number == 0 { "(" } else { ", (" });
                    to.text(kind).sql(", ").text(term).sql(", ").text(entry).sql(")");
                }
                to.sql(")");
                both!(self, |c| to.execute(c))?;
            }
        }
        Ok(())
    }

    pub(super) fn suggest_kind(
        &mut self,
        prefix: &str,
        kind: SuggestionKind,
        limit: u32,
    ) -> Result<Vec<Suggestion>, RepositoryError> {
        let prefix = prefix.trim_start();
        if prefix.is_empty() {
            return Ok(Vec::new());
        }
        let name = match kind {
            SuggestionKind::Title => TITLE,
            SuggestionKind::Company => COMPANY,
            SuggestionKind::Skill => SKILL,
            SuggestionKind::Place => PLACE,
        };
        let mut to = Statement::<(SqlText, SqlText, BigInt)>::kept();
        to.sql("SELECT entry, label, jobs FROM search_terms WHERE jobs > 0 AND kind = ").text(name);
        to.sql(" AND term >= ").text(prefix).sql(" AND term < ").text(&format!("{prefix}\u{10ffff}"));
        // An entry can be found by several of its words.
        to.sql(&format!(" ORDER BY jobs DESC, entry LIMIT {}", limit.saturating_mul(4)));
        let rows: Vec<(String, String, i64)> = both!(self, |c| to.load(c))?;
        let mut seen = HashSet::new();
        let fresh = rows.into_iter().filter(|(entry, ..)| seen.insert(entry.clone())).take(limit as usize);
        Ok(fresh.map(|(_, text, jobs)| Suggestion { kind, text, count: jobs.unsigned_abs() }).collect())
    }

    pub(super) fn correct_words(&mut self, text: &SearchText) -> Result<Option<SearchText>, RepositoryError> {
        let terms = text.groups().iter().flatten().filter(|term| !matches!(term, Term::Prefix(_)));
        let words: BTreeSet<&str> = terms.flat_map(Term::words).map(String::as_str).collect();
        let mut unknown: Vec<&str> = words.into_iter().filter(|word| tolerance(word) > 0).collect();
        if unknown.is_empty() {
            return Ok(None);
        }
        let mut to = Statement::<SqlText>::once();
        to.sql("SELECT term FROM search_terms WHERE kind = 'word' AND jobs > 0 AND term IN (");
        for (number, word) in unknown.iter().enumerate() {
            to.sql(if number == 0 { "" } else { ", " }).text(word);
        }
        to.sql(")");
        let known: HashSet<String> = both!(self, |c| to.load::<String>(c))?.into_iter().collect();
        unknown.retain(|word| !known.contains(*word));
        let lengths = unknown.iter().map(|word| word.chars().count());
        let (Some(shortest), Some(longest)) = (lengths.clone().min(), lengths.max()) else { return Ok(None) };
        if unknown.len() > MAX_CORRECTED {
            return Ok(None);
        }
        let number = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
        let mut to = Statement::<(SqlText, BigInt)>::kept();
        to.sql("SELECT term, jobs FROM search_terms WHERE kind = 'word' AND jobs > 0 AND length(term) >= ");
        to.number(number(shortest.saturating_sub(2))).sql(" AND length(term) <= ").number(number(longest + 2));
        to.sql(&format!(" LIMIT {MAX_COMPARED}"));
        let rows: Vec<(String, i64)> = both!(self, |c| to.load(c))?;
        let nearest = |word: &&str| {
            let near = rows.iter().map(|(term, jobs)| (strsim::osa_distance(word, term), -jobs, term));
            near.filter(|(distance, ..)| *distance <= tolerance(word))
                .min()
                .map(|(.., term)| ((*word).to_owned(), term))
        };
        let corrections: BTreeMap<String, &String> = unknown.iter().filter_map(nearest).collect();
        if corrections.is_empty() {
            return Ok(None);
        }
        let corrected = |word: &String| corrections.get(word).map_or(word, |corrected| corrected).clone();
        let term = |term: &Term| match term {
            Term::Word(word) => Term::Word(corrected(word)),
            Term::Prefix(word) => Term::Prefix(word.clone()),
            Term::Phrase(words) => Term::Phrase(words.iter().map(corrected).collect()),
        };
        let group = |group: &Vec<Term>| group.iter().map(|of| term(of).to_string()).collect::<Vec<_>>().join(", ");
        let groups = text.groups().iter().map(group);
        let excluded = text.excluded().iter().map(|term| format!("-{term}"));
        Ok(Some(SearchText::parse(&groups.chain(excluded).collect::<Vec<_>>().join(" "))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_found_by_each_of_its_words() {
        let of = |entry| beginnings(entry).into_iter().collect::<Vec<_>>();
        assert_eq!(of("senior rust engineer"), ["engineer", "rust engineer", "senior rust engineer"]);
        assert_eq!(of("a  b "), ["a  b ", "b "]);
        assert_eq!(of(&"x ".repeat(100)).len(), MAX_BEGINNINGS);
        assert_eq!(words("C++ \"Dev\" - node.js, C++"), ["cplusplus", "dev", "js", "node"]);
    }
}
