use std::cmp::Reverse;
use std::collections::HashSet;

use chrono::{DateTime, Utc};
use jobportal_application::{
    JobDetails, JobFilter, JobOrder, JobRepository, JobSearch, PageRequest, RepositoryError, SearchRequest,
};
use jobportal_domain::{JobId, JobPosting, SearchText, Text};

use super::terms::words;
use crate::session::Session;

/// How many similar jobs of one employer are looked for each time, so that others have a chance.
const MOST_OF_EMPLOYER: u32 = 5;

impl Session<'_> {
    /// Looks for jobs with all words of the title, then for those with some; the nearest of them come first.
    pub(super) fn similar_jobs(
        &mut self,
        id: JobId,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<JobDetails>, RepositoryError> {
        let Some(found) = JobRepository::find(self, id)? else { return Ok(Vec::new()) };
        let posting = found.job.posting;
        let words = words(posting.title.as_str());
        let mut similar: Vec<JobDetails> = Vec::new();
        for (separator, order) in [(" ", JobOrder::Newest), (", ", JobOrder::Relevance)] {
            let seen: HashSet<JobId> = similar.iter().map(|details| details.job.id).collect();
            if seen.len() < limit as usize {
                let filter = JobFilter {
                    text: SearchText::parse(&words.join(separator)),
                    max_per_employer: Some(MOST_OF_EMPLOYER),
                    ..JobFilter::default()
                };
                let Some(page) = PageRequest::new(1, PageRequest::MAX_SIZE) else { break };
                let request = SearchRequest { order, ..SearchRequest::page(filter, page) };
                let found = JobSearch::find(self, &request, now)?.jobs.into_iter().map(|found| found.details);
                let mut found: Vec<_> =
                    found.filter(|details| details.job.id != id && !seen.contains(&details.job.id)).collect();
                found.sort_by_key(|details| Reverse(nearness(&posting, &details.job.posting)));
                similar.extend(found);
            }
        }
        similar.truncate(limit as usize);
        Ok(similar)
    }
}

fn nearness(one: &JobPosting, other: &JobPosting) -> usize {
    let skills = |posting: &JobPosting| -> HashSet<String> {
        posting.skills.iter().map(|skill: &Text<50>| skill.as_str().to_lowercase()).collect()
    };
    let shared = skills(one).intersection(&skills(other)).count();
    let others = [
        one.location == other.location,
        one.country.is_some() && one.country == other.country,
        one.job_subtype == other.job_subtype,
        one.experience_level == other.experience_level,
        one.workplace.is_some() && one.workplace == other.workplace,
    ];
    2 * shared + others.into_iter().filter(|is_same| *is_same).count()
}
