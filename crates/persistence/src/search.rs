use chrono::{DateTime, Utc};
use diesel::prelude::*;
use jobportal_application::{
    Facet, FacetCounts, FoundJob, FoundJobs, JobDetails, JobFilter, JobSearch, RepositoryError, SearchPosition,
    SearchRequest, SearchStart, Suggestion, SuggestionKind,
};
use jobportal_domain::{JobId, JobStatus, SearchText};

use crate::documents::document_columns;
use crate::employers::{employer_columns, with_logo};
use crate::jobs::{DetailsRow, JobRow, details, escape, job_details};
use crate::schema::{LOGOS, documents, employers, jobs};
use crate::session::Session;
use crate::time::At;

/// Narrows a query to the jobs that are open at `now` and fit the filter.
macro_rules! fitting {
    ($query:expr, $filter:expr, $now:expr) => {{
        let mut query = $query
            .filter(jobs::status.eq(JobStatus::Published.as_str()))
            .filter(jobs::deleted_at.is_null())
            .filter(jobs::deadline.gt(At($now)))
            .into_boxed();
        if let Some(id) = $filter.id {
            query = query.filter(jobs::id.eq(id.0));
        }
        if let Some(title) = &$filter.title {
            query = query.filter(jobs::title_search.like(containing(title)).escape('\\'));
        }
        if let Some(location) = &$filter.location {
            query = query.filter(jobs::location_search.like(containing(location)).escape('\\'));
        }
        if !$filter.job_types.is_empty() {
            query = query.filter(jobs::job_type.eq_any($filter.job_types.iter().map(|value| value.as_str())));
        }
        if !$filter.job_subtypes.is_empty() {
            query = query.filter(jobs::job_subtype.eq_any($filter.job_subtypes.iter().map(|value| value.as_str())));
        }
        if !$filter.experience_levels.is_empty() {
            query = query
                .filter(jobs::experience_level.eq_any($filter.experience_levels.iter().map(|value| value.as_str())));
        }
        query
    }};
}

/// The pattern of texts that contain `needle` in lower case.
fn containing(needle: &str) -> String {
    /// Longer than any title, so that what is cut off can't matter; SQLite refuses patterns of more than 50,000 bytes.
    const LONGEST: usize = 1_000;
    // PostgreSQL takes no NUL; like every control character it is in no title.
    let needle: String = needle.to_lowercase().replace('\0', "\u{1}").chars().take(LONGEST).collect();
    format!("%{}%", escape(&needle))
}

impl JobSearch for Session<'_> {
    fn find(&mut self, request: &SearchRequest, now: DateTime<Utc>) -> Result<FoundJobs, RepositoryError> {
        let filter = &request.filter;
        let SearchStart::Page(page) = request.start else { return Ok(FoundJobs::default()) };
        let rows: Vec<DetailsRow> = both!(self, |c| {
            fitting!(job_details!(), filter, now)
                .order((jobs::posted_at.desc(), jobs::id.desc()))
                .limit(page.size().into())
                .offset(page.offset())
                .load(c)
        })?;
        let total = total!(self, rows, page, fitting!(jobs::table.count(), filter, now));
        let found = |row| {
            let details = details(row)?;
            let position = SearchPosition { key: details.job.posted_at.timestamp_micros(), id: details.job.id.0 };
            Ok(FoundJob { details, position, highlight: None })
        };
        let jobs: Vec<FoundJob> = rows.into_iter().map(found).collect::<Result<_, RepositoryError>>()?;
        let has_more = u64::from(page.number()) * u64::from(page.size()) < total;
        Ok(FoundJobs { jobs, total, total_is_exact: true, has_more, facets: Vec::new(), corrected: None })
    }

    fn count(&mut self, _: &JobFilter, _: &[Facet], _: DateTime<Utc>) -> Result<Vec<FacetCounts>, RepositoryError> {
        Ok(Vec::new())
    }

    fn correct(&mut self, _: &SearchText) -> Result<Option<SearchText>, RepositoryError> {
        Ok(None)
    }

    fn suggest(&mut self, _: &str, _: &[SuggestionKind], _: u32) -> Result<Vec<Suggestion>, RepositoryError> {
        Ok(Vec::new())
    }

    fn similar(&mut self, _: JobId, _: DateTime<Utc>, _: u32) -> Result<Vec<JobDetails>, RepositoryError> {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_needle_stands_for_itself() {
        assert_eq!(containing("Ärzte 100%_\\"), "%ärzte 100\\%\\_\\\\%");
        assert_eq!(containing("a\0b"), "%a\u{1}b%");
        assert_eq!(containing(&"%".repeat(100_000)).len(), 2 + 2 * 1_000);
    }
}
