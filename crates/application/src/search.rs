use std::sync::Arc;

use chrono::{DateTime, Utc};
use jobportal_domain::{
    Country, Currency, EmployerId, ExperienceLevel, JobId, JobSubtype, JobType, SearchText, UserId, Workplace,
};

use crate::jobs::visible;
use crate::{Actor, Clock, Error, JobDetails, PageRequest, RepositoryError, Result, Store};

/// Which live jobs are looked for: published, not taken down, before their deadline. All conditions must hold; an empty list is
/// none. Texts are in lower case, and lists sorted and without repetition, so that equal searches are equal values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct JobFilter {
    /// This one job.
    pub id: Option<JobId>,
    /// These words, in title, company, skills, location or description.
    pub text: SearchText,
    /// The title contains this.
    pub title: Option<String>,
    /// The location contains this.
    pub location: Option<String>,
    /// The name of the company contains this.
    pub company: Option<String>,
    /// Who posted it.
    pub employer: Option<EmployerId>,
    /// Who the employer is, one of these.
    pub job_types: Vec<JobType>,
    /// The terms of the work, one of these.
    pub job_subtypes: Vec<JobSubtype>,
    /// How much experience is asked for, one of these.
    pub experience_levels: Vec<ExperienceLevel>,
    /// Where the work is done, one of these.
    pub workplaces: Vec<Workplace>,
    /// The country of the work, one of these.
    pub countries: Vec<Country>,
    /// What it pays.
    pub pay: Option<PayFilter>,
    /// It was posted so many days ago at most.
    pub posted_within_days: Option<u32>,
    /// It asks for all of these skills.
    pub all_skills: Vec<String>,
    /// It asks for one of these skills.
    pub any_skills: Vec<String>,
    /// This candidate has not applied to it.
    pub not_applied_by: Option<UserId>,
    /// So many jobs of one employer at most: those that come first in the order.
    pub max_per_employer: Option<u32>,
}

/// Bounds of yearly pay. A job fits if some pay that it offers is within them; one that tells no pay in figures does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PayFilter {
    /// Of both bounds; a job that pays in another one does not fit.
    pub currency: Currency,
    /// At least so much a year, in the currency's smallest unit.
    pub minimum: Option<i64>,
    /// At most so much a year, in the currency's smallest unit.
    pub maximum: Option<i64>,
}

/// The order in which jobs are found. Equal ones are ordered by id, the newest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum JobOrder {
    /// By how well the words fit. Needs a [`JobFilter::text`]; without one it is the same as [`Self::Newest`].
    Relevance,
    /// Last posted first.
    #[default]
    Newest,
    /// The one whose deadline is next first.
    Deadline,
    /// By the yearly pay, the highest first; those that tell none last. Figures of different currencies are compared as they are.
    Salary,
}

/// The place of a job in the order of a search: right after it the next part begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SearchPosition {
    /// What the order goes by, as a number.
    pub key: i64,
    /// The job's id.
    pub id: i64,
}

/// Where a part of what was found begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchStart {
    /// At a page. What comes before it is counted off, so deep pages cost more; [`SearchRequest::MAX_OFFSET`] is the limit where more
    /// jobs fit.
    Page(PageRequest),
    /// After a job, at most so many. Costs the same at any depth.
    After(SearchPosition, u32),
}

/// What is asked of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchRequest {
    /// Which jobs.
    pub filter: JobFilter,
    /// In which order.
    pub order: JobOrder,
    /// Which part of them.
    pub start: SearchStart,
    /// Whether to show where the words were found.
    pub highlight: bool,
    /// Of what to count the values.
    pub facets: Vec<Facet>,
}

impl SearchRequest {
    /// So many jobs are in pages; what comes after them is reached by [`SearchStart::After`] alone.
    pub const MAX_OFFSET: i64 = 10_000;

    /// Asks for a page of the jobs that fit, newest first.
    pub fn page(filter: JobFilter, page: PageRequest) -> Self {
        Self { filter, order: JobOrder::Newest, start: SearchStart::Page(page), highlight: false, facets: Vec::new() }
    }
}

/// Something about jobs whose values are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Facet {
    /// Who the employer is.
    JobType,
    /// The terms of the work.
    JobSubtype,
    /// How much experience is asked for.
    ExperienceLevel,
    /// Where the work is done.
    Workplace,
    /// The country of the work.
    Country,
    /// The skills.
    Skill,
    /// The company.
    Company,
}

/// How many jobs have a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FacetCount {
    /// The value.
    pub value: String,
    /// How many of the jobs found have it.
    pub count: u64,
}

/// The values of a facet, the most frequent first; jobs without one are not counted. A filter by the facet itself does not
/// count here, so that its other values stay choices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FacetCounts {
    /// Of what.
    pub facet: Facet,
    /// At most [`Self::MAX_VALUES`].
    pub values: Vec<FacetCount>,
    /// Whether all jobs were counted, or only [`FoundJobs::MAX_COUNT`] of them.
    pub is_exact: bool,
}

impl FacetCounts {
    /// How many values are told.
    pub const MAX_VALUES: u32 = 50;
}

/// A job that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundJob {
    /// The job.
    pub details: JobDetails,
    /// Its place in the order.
    pub position: SearchPosition,
    /// A piece of its text with the words that were looked for between [`Self::MARKS`], if that was asked for.
    pub highlight: Option<String>,
}

impl FoundJob {
    /// What stands before and behind a word that was looked for. Neither is in any text.
    pub const MARKS: (char, char) = ('\u{2}', '\u{3}');
}

/// A part of what was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundJobs {
    /// The jobs of this part.
    pub jobs: Vec<FoundJob>,
    /// How many were found in all, [`Self::MAX_COUNT`] at most.
    pub total: u64,
    /// Whether they are exactly so many; else there are more, or there were so many some seconds ago.
    pub total_is_exact: bool,
    /// Whether another part follows.
    pub has_more: bool,
    /// What was counted.
    pub facets: Vec<FacetCounts>,
    /// The words that were looked for instead of those asked for, which found nothing.
    pub corrected: Option<SearchText>,
}

impl FoundJobs {
    /// How far jobs are counted.
    pub const MAX_COUNT: u64 = 10_000;
}

/// Of what kind a suggestion is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SuggestionKind {
    /// A title.
    Title,
    /// A company.
    Company,
    /// A skill.
    Skill,
    /// A location.
    Place,
}

impl SuggestionKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Title, Self::Company, Self::Skill, Self::Place];
}

/// What someone who has typed the beginning may mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// What it is.
    pub kind: SuggestionKind,
    /// As employers write it.
    pub text: String,
    /// How many published jobs have it.
    pub count: u64,
}

/// The search engine. That of the database sees each change in its transaction; an external one may follow behind.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait JobSearch {
    /// Jobs that are live at `now` and fit; facets and corrections are not its part.
    fn find(&mut self, request: &SearchRequest, now: DateTime<Utc>) -> Result<FoundJobs, RepositoryError>;
    /// Counts the values of facets among the jobs that are live at `now` and fit.
    fn count(
        &mut self,
        filter: &JobFilter,
        facets: &[Facet],
        now: DateTime<Utc>,
    ) -> Result<Vec<FacetCounts>, RepositoryError>;
    /// The text with each word that is in no title and no company replaced by the nearest one that is; `None` if there is nothing
    /// to replace, or nothing near.
    fn correct(&mut self, text: &SearchText) -> Result<Option<SearchText>, RepositoryError>;
    /// What begins with `prefix`, in lower case, or has a word that does: at most `limit` of each kind, the most frequent first.
    fn suggest(
        &mut self,
        prefix: &str,
        kinds: &[SuggestionKind],
        limit: u32,
    ) -> Result<Vec<Suggestion>, RepositoryError>;
    /// Jobs that are live at `now` and most like this one, which is not among them.
    fn similar(&mut self, id: JobId, now: DateTime<Utc>, limit: u32) -> Result<Vec<JobDetails>, RepositoryError>;
}

/// Finding jobs.
#[derive(Clone)]
pub struct Search {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
}

impl Search {
    /// How many suggestions of a kind are made.
    pub const MAX_SUGGESTIONS: u32 = 10;

    /// How many similar jobs are told.
    pub const MAX_SIMILAR: u32 = 20;

    /// Wires it.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// Live jobs that fit. Where the words find nothing, words near to them are tried.
    pub fn find(&self, request: &SearchRequest) -> Result<FoundJobs> {
        let now = self.clock.now();
        if request.facets.is_empty() {
            let jobs = self.store.read_one(|uow| Ok(uow.search().find(request, now)?))?;
            if jobs.total > 0 || request.filter.text.is_empty() {
                return found(jobs, request);
            }
        }
        self.store.read(|uow| {
            let mut request = request.clone();
            let mut jobs = uow.search().find(&request, now)?;
            if jobs.total == 0
                && let Some(corrected) = uow.search().correct(&request.filter.text)?
            {
                request.filter.text = corrected.clone();
                let others = uow.search().find(&request, now)?;
                if others.total > 0 {
                    jobs = FoundJobs { corrected: Some(corrected), ..others };
                }
            }
            if !request.facets.is_empty() && jobs.total > 0 {
                jobs.facets = uow.search().count(&request.filter, &request.facets, now)?;
            }
            found(jobs, &request)
        })
    }

    /// What someone may mean who has typed the beginning of it.
    pub fn suggest(&self, prefix: &str, kinds: &[SuggestionKind]) -> Result<Vec<Suggestion>> {
        let prefix = prefix.to_lowercase();
        self.store.read_one(|uow| Ok(uow.search().suggest(&prefix, kinds, Self::MAX_SUGGESTIONS)?))
    }

    /// Live jobs that are like one that the caller may read.
    pub fn similar(&self, actor: &Actor, id: JobId) -> Result<Vec<JobDetails>> {
        let now = self.clock.now();
        self.store.read(|uow| {
            visible(uow, actor, id)?;
            Ok(uow.search().similar(id, now, Self::MAX_SIMILAR)?)
        })
    }
}

/// Refuses a page past the end of what was found, unless nothing was, and one that is too deep to be counted off.
fn found(jobs: FoundJobs, request: &SearchRequest) -> Result<FoundJobs> {
    let SearchStart::Page(page) = request.start else { return Ok(jobs) };
    if !jobs.jobs.is_empty() || jobs.total == 0 || page.number() == 1 {
        return Ok(jobs);
    }
    if jobs.total_is_exact || page.offset() < SearchRequest::MAX_OFFSET {
        return Err(Error::INVALID_PAGE);
    }
    let most = SearchRequest::MAX_OFFSET;
    Err(Error::invalid("page", format!("There are no pages after the first {most} jobs. Go on with `cursor`.")))
}

#[cfg(test)]
mod tests;
