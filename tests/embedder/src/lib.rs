//! A service on the use cases of the job portal, as somebody else writes it: it helps employers to sort what they receive.

use std::sync::Arc;

use jobportal_application::{
    Actor, Applications, Clock, JobFilter, PageRequest, Precondition, Result, Search, SearchRequest, Store,
};
use jobportal_domain::{ApplicationStatus, JobId};

/// Sorts applications, and writes letters about jobs.
pub struct Recruiting {
    applications: Applications,
    search: Search,
}

impl Recruiting {
    /// The service on a store: the portal's, or one of mocks.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { applications: Applications::new(store.clone(), clock.clone()), search: Search::new(store, clock) }
    }

    /// Selects the new applications to a job that say why the candidate is the right one; returns how many.
    pub fn select_reasoned(&self, employer: &Actor, job: JobId, page: PageRequest) -> Result<usize> {
        let received = self.applications.of_job(employer, job, page)?.value.applications.items;
        let is_reasoned = |status, letter: Option<&str>| {
            status == ApplicationStatus::Applied && letter.is_some_and(|text| text.split_whitespace().count() >= 3)
        };
        let mut selected = 0;
        for application in received.into_iter().map(|received| received.application) {
            if is_reasoned(application.status, application.form.cover_letter.as_ref().map(|text| text.as_str())) {
                self.applications.move_to(employer, application.id, ApplicationStatus::Selected, &Precondition::None)?;
                selected += 1;
            }
        }
        Ok(selected)
    }

    /// A letter about the newest open jobs with `title`; none where there is no such job.
    pub fn letter(&self, title: &str, page: PageRequest) -> Result<Option<String>> {
        let filter = JobFilter { title: Some(title.to_owned()), ..JobFilter::default() };
        let found = self.search.find(&SearchRequest::page(filter, page))?;
        if found.jobs.is_empty() {
            return Ok(None);
        }
        let lines = found.jobs.iter().map(|found| {
            let posting = &found.details.job.posting;
            format!("- {}, {} ({})\n", posting.title, posting.company_name, posting.location)
        });
        Ok(Some(format!("{} open jobs for you:\n{}", found.total, lines.collect::<String>())))
    }
}
