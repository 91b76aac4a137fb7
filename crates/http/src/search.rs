mod criteria;

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, TimeDelta, Utc};
use jobportal_application::{
    FacetCounts, FoundJob, FoundJobs, PageRequest, SearchRequest, SearchStart, Subject, Suggestion,
};
use jobportal_domain::{Country, JobId, MAX_SKILLS};
use serde::Serialize;
use serde_json::json;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::App;
use crate::cursor;
use crate::error::ApiError;
use crate::extract::{Caller, PathId};
use crate::jobs::{ExperienceLevelText, JobDetailsBody, JobSubtypeText, JobTypeText, TAG, WorkplaceText};
use crate::openapi::{Describe, NON_BLANK, Operation, TEXT, integer, one_of, schema_of, several, string};
use crate::page::{Neighbours, Paging, Query, address, base_url, list_headers};
use crate::responses::Reply;
use crate::wire;

use criteria::{FACETS, KINDS, MAX_DAYS, MAX_PER_EMPLOYER, MAX_PREFIX_CHARS, ORDERS};

type Answer = Result<HttpResponse, ApiError>;

/// The kind of a suggestion on the wire.
struct SuggestionKindText;

schema_of! {
    SuggestionKindText as "SuggestionKind" => one_of(KINDS.map(|(name, _)| name));
}

/// A job that was found.
#[derive(Serialize, ToSchema)]
#[schema(as = FoundJob)]
struct FoundJobBody {
    #[serde(flatten)]
    job: JobDetailsBody,
    /// A piece of the job's text, as HTML with the words that were looked for in `<em>`; there where it was asked for and words fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, example = "Build services in <em>Rust</em> &amp; Go.")]
    highlight: Option<String>,
}

impl FoundJobBody {
    fn new(found: FoundJob, now: DateTime<Utc>) -> Self {
        Self { job: JobDetailsBody::new(found.details, now), highlight: found.highlight.map(|text| marked(&text)) }
    }
}

/// A text with marks as HTML.
fn marked(text: &str) -> String {
    let (begin, end) = FoundJob::MARKS;
    let mut html = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            c if c == begin => html.push_str("<em>"),
            c if c == end => html.push_str("</em>"),
            c => html.push(c),
        }
    }
    html
}

/// How many jobs have a value.
#[derive(Serialize, ToSchema)]
#[schema(as = FacetValue)]
struct FacetValueBody {
    #[schema(example = "Full-time")]
    value: String,
    #[schema(example = 120)]
    total_jobs: u64,
}

/// How many of the jobs have which value.
#[derive(Serialize, ToSchema)]
#[schema(as = Facet)]
struct FacetBody {
    /// The most frequent first, 50 at most.
    values: Vec<FacetValueBody>,
    /// Whether all jobs were counted, or only 10,000 of them.
    is_exact: bool,
}

impl From<FacetCounts> for FacetBody {
    fn from(counts: FacetCounts) -> Self {
        let value =
            |count: jobportal_application::FacetCount| FacetValueBody { value: count.value, total_jobs: count.count };
        Self { values: counts.values.into_iter().map(value).collect(), is_exact: counts.is_exact }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = FoundJobs)]
struct FoundBody {
    /// How many jobs fit in all, counted up to 10,000.
    #[schema(example = 1)]
    total_jobs: u64,
    /// Whether exactly so many fit, counted for this answer.
    total_is_exact: bool,
    data: Vec<FoundJobBody>,
    /// What to send as `cursor` for what follows; `null` at the end.
    next_cursor: Option<String>,
    /// What was looked for instead of `q`, which nothing fits.
    #[schema(example = "engineer")]
    corrected: Option<String>,
    /// By the names that `facets` asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = BTreeMap<String, FacetBody>, required = false)]
    facets: Option<BTreeMap<&'static str, FacetBody>>,
}

/// How long it may stay unseen that a deadline passes of a job which is counted, but not on the page.
const UNSEEN: TimeDelta = TimeDelta::seconds(5);

/// `GET /job/search/`
pub(crate) async fn search(app: Data<App>, request: HttpRequest, Caller(actor): Caller) -> Answer {
    let search = criteria::search(&Query::of(&request), &actor, &*app.vault)?;
    let (start, binding) = (search.start, criteria::binding(search.order, &search.filter));
    let asks_for_facets = !search.facets.is_empty();
    // The links of an answer are made of what was asked, and where.
    let for_whom = search.filter.not_applied_by.map_or_else(String::new, |user| user.to_string());
    let key = format!("search {for_whom} {} {}", base_url(&request), request.uri());
    let render = |found: FoundJobs| {
        if found.total == 0 {
            return Err(ApiError::Documented {
                status: StatusCode::NOT_FOUND,
                body: json!({ "total_jobs": 0, "data": [] }),
                detail: "No jobs found.",
            });
        }
        let last = found.jobs.last().filter(|_| found.has_more).map(|job| job.position);
        let next_cursor = last.map(|position| cursor::write_signed(&*app.vault, &binding, position));
        let neighbours = neighbours(&request, start, next_cursor.as_deref());
        let name = |facet| FACETS.iter().find(|(_, known)| *known == facet).map_or("", |(name, _)| *name);
        let facets = found.facets.into_iter().map(|counts| (name(counts.facet), counts.into())).collect();
        let now = app.clock.now();
        let deadlines = found.jobs.iter().map(|job| job.details.job.posting.deadline);
        let good_until = deadlines.fold(now + UNSEEN, DateTime::min);
        let response = list_headers(found.total, neighbours).json(FoundBody {
            total_jobs: found.total,
            total_is_exact: found.total_is_exact,
            data: found.jobs.into_iter().map(|job| FoundJobBody::new(job, now)).collect(),
            next_cursor,
            corrected: found.corrected.map(|text| text.to_string()),
            facets: asks_for_facets.then_some(facets),
        });
        Ok(Reply::to_all(response, [Subject::Jobs]).turning_at(good_until))
    };
    let find = move |app: &App| {
        // What the caller has written is no part of it, unless it is about applications.
        let engine = if search.filter.not_applied_by.is_some() { &app.search.primary } else { app.search.of(&actor) };
        engine.find(&search)
    };
    app.answer_all(&key, find, render).await
}

/// What lies around a part of what was found: pages around a page, as far as there are pages; else what the cursor leads to.
fn neighbours(request: &HttpRequest, start: SearchStart, next_cursor: Option<&str>) -> Neighbours {
    let page =
        |number: u32, size| PageRequest::new(number, size).filter(|page| page.offset() < SearchRequest::MAX_OFFSET);
    let at = |page: PageRequest| address(request, "page", &page.number().to_string());
    let (after, before) = match start {
        SearchStart::Page(here) => (page(here.number() + 1, here.size()), page(here.number() - 1, here.size())),
        SearchStart::After(..) => (None, None),
    };
    let next = next_cursor.map(|cursor| after.map_or_else(|| address(request, "cursor", cursor), at));
    Neighbours { next, previous: before.map(at) }
}

pub(crate) fn search_doc() -> Operation {
    let mut operation = Operation::new(TAG, "jobs_search", "Search open jobs")
        .about(ABOUT_SEARCH)
        .ok::<FoundBody>("A part of the jobs that fit.")
        .answers::<NothingFoundBody>(StatusCode::NOT_FOUND, "No job fits, or there is no such page.");
    let any = "; one of these, where there are several";
    operation.query(
        "q",
        string().examples(["rust, go remote", "\"project manager\" -junior", "engin*"]),
        "Words in title, company, skills, location or description. A space means both, a comma or `OR` one of the two, `\"…\"` these \
         words in this order, `-` not this, a `*` after three letters or more words that begin so; `OR` binds tighter than a space. Nothing is wrong \
         here: what makes no sense is left out, and so is what is over 32 terms, 64 characters a word or 16 words a phrase.",
    );
    operation.query("id", integer(1), "This one job.");
    for (name, about) in [
        ("title", "The title contains this, in any letter case."),
        ("location", "The location contains this, in any letter case."),
        ("company", "The name of the company contains this, in any letter case."),
    ] {
        operation.query(name, string().max_length(Some(200)).pattern(Some(TEXT)), about);
    }
    operation.query("employer", integer(1), "The id of the employer's profile.");
    operation.query("job_type", several(JobTypeText::schema()), &format!("Who the employer is{any}."));
    operation.query("job_subtype", several(JobSubtypeText::schema()), &format!("The terms of the work{any}."));
    let experience = several(ExperienceLevelText::schema());
    operation.query("experience_level", experience, &format!("How much experience is asked for{any}."));
    operation.query("workplace", several(WorkplaceText::schema()), &format!("Where the work is done{any}."));
    let country = one_of(Country::all().map(Country::as_str));
    operation.query("country", several(country), &format!("The country of the work, by ISO 3166-1{any}."));
    let amount = || string().pattern(Some(r"^\d{1,12}(\.\d{1,3})?$")).examples(["50000.00"]);
    operation.query("salary_min", amount(), "Some of the pay for a year is at least this. Needs `currency`.");
    operation.query("salary_max", amount(), "Some of the pay for a year is at most this. Needs `currency`.");
    operation.query(
        "currency",
        string().pattern(Some("^[A-Za-z]{3}$")).examples(["USD"]),
        "The currency of the pay, by ISO 4217: jobs that tell none in figures, or in another one, do not fit. A year has 2,080 \
         hours, 260 days, 52 weeks, 12 months.",
    );
    operation.query("posted_within", integer(1).maximum(Some(MAX_DAYS)), "Posted so many days ago at most.");
    let skills = || {
        ArrayBuilder::new().items(string().max_length(Some(50)).pattern(Some(TEXT))).max_items(Some(MAX_SKILLS)).build()
    };
    operation.query("skills", skills(), "All of these skills are asked for, in any letter case.");
    operation.query("skills_any", skills(), "One of these skills is asked for, in any letter case.");
    operation.query(
        "exclude_applied",
        flag(),
        "Leave out what the caller has applied to. For whoever is no candidate that is nothing.",
    );
    operation.query(
        "max_per_employer",
        integer(1).maximum(Some(MAX_PER_EMPLOYER)),
        "Of each employer so many jobs at most, those that come first.",
    );
    operation.query(
        "sort",
        one_of(ORDERS.map(|(name, _)| name)),
        "The order: `relevance` (the default with words in `q`), `newest` (the default without), `deadline` (the next first), \
         `salary` (the highest for a year first, of any currency).",
    );
    operation.query("facets", several(one_of(FACETS.map(|(name, _)| name))), "Of what to count the values.");
    operation.query("highlight", flag(), "Whether to show where the words of `q` were found.");
    operation.query(
        "cursor",
        string(),
        "The `next_cursor` of the same search, with the same filters and order. Not together with `page`.",
    );
    Paging::<10>::describe(&mut operation);
    operation
}

const ABOUT_SEARCH: &str = "\
All filters must fit. Only jobs that take applications are found: not those that are taken down, paused, closed or past their deadline.

A parameter that takes several values may be repeated, or they are separated by commas: `job_type=Private,Government`. An \
unknown parameter is refused, with the nearest known one.

**Typing errors.** Where nothing fits, words of `q` that are in no title and no company are replaced by the nearest ones that are, \
and `corrected` tells by which.

**Pages.** `page` is for the first 10,000 jobs; a page costs the more the deeper it is. `next_cursor` goes on from any page and costs \
the same at any depth; jobs that are posted meanwhile do not shift it, but for `sort=relevance`, where they may change how much a word \
counts. `Link` leads to the next part either way.

**What it costs.** Counting stops at 10,000: with more, `total_jobs` is 10000 and `total_is_exact` is `false`; then \
`sort=relevance` and `max_per_employer` choose among the first 10,000 open jobs that the other filters leave, as does a `q` that \
excludes words and asks for none. A count of 1,000 \
or more may be told again for five seconds, with `total_is_exact` `false`; smaller ones are always exact. That the deadline passes of \
a job that is on another page may be counted up to five seconds later. `facets` cost about as much as another search, and count 10,000 jobs \
at most; ask for them with the first part, not with every one. `highlight` costs little.

**Facets.** A facet ignores the filter by itself, so that its other values stay choices: with `job_type=Private`, \
`facets=job_type` still counts the jobs of `Government`.";

/// `true` or `false`.
fn flag() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Boolean)
}

#[derive(ToSchema)]
#[schema(as = NoJobFound)]
#[expect(dead_code, reason = "error.rs writes it")]
struct NothingFoundBody {
    total_jobs: u64,
    data: Vec<JobDetailsBody>,
    detail: String,
}

/// What someone may mean.
#[derive(Serialize, ToSchema)]
#[schema(as = Suggestion)]
struct SuggestionBody {
    #[schema(value_type = SuggestionKindText)]
    kind: &'static str,
    /// As employers write it.
    #[schema(example = "Software Engineer")]
    text: String,
    /// How many published jobs have it.
    #[schema(example = 42)]
    total_jobs: u64,
}

impl From<Suggestion> for SuggestionBody {
    fn from(suggestion: Suggestion) -> Self {
        let kind = KINDS.iter().find(|(_, kind)| *kind == suggestion.kind).map_or("", |(name, _)| *name);
        Self { kind, text: suggestion.text, total_jobs: suggestion.count }
    }
}

/// `GET /job/suggest/`
pub(crate) async fn suggest(app: Data<App>, request: HttpRequest, Caller(actor): Caller) -> Answer {
    let (prefix, kinds) = criteria::suggestions(&Query::of(&request))?;
    let suggestions = app.run(move |app| app.search.of(&actor).suggest(&prefix, &kinds)).await?;
    let data: Vec<SuggestionBody> = suggestions.into_iter().map(SuggestionBody::from).collect();
    Ok(HttpResponse::Ok().json(wire::Data { data }))
}

pub(crate) fn suggest_doc() -> Operation {
    let mut operation = Operation::new(TAG, "jobs_suggest", "Complete what someone types")
        .about("Titles, companies, skills and places of published jobs: ten of each kind at most, the most frequent first.")
        .ok_data_list::<SuggestionBody>("What may be meant; empty where nothing begins so.");
    operation.needed_query(
        "q",
        string().max_length(Some(MAX_PREFIX_CHARS)).pattern(Some(NON_BLANK)).examples(["soft"]),
        "The beginning of it, or of a word in it, in any letter case.",
    );
    operation.query("kind", several(SuggestionKindText::schema()), "Of which kinds; all, if it is left out.");
    operation
}

/// `GET /job/{id}/similar/`
pub(crate) async fn similar(app: Data<App>, Caller(actor): Caller, PathId(id): PathId) -> Answer {
    let jobs = app.run(move |app| app.search.of(&actor).similar(&actor, JobId(id))).await?;
    let now = app.clock.now();
    let data: Vec<JobDetailsBody> = jobs.into_iter().map(|job| JobDetailsBody::new(job, now)).collect();
    Ok(HttpResponse::Ok().json(wire::Data { data }))
}

pub(crate) fn similar_doc() -> Operation {
    Operation::new(TAG, "jobs_similar", "List jobs that are like one")
        .about(
            "Jobs that take applications and have the words of this one's title, or some of them; first those that share skills, place, \
             country and terms as well. 20 at most, and 10 of one employer. The job itself need not take applications any more.",
        )
        .ok_data_list::<JobDetailsBody>("The jobs; empty where none is like it.")
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use jobportal_application::SearchPosition;

    use super::*;

    #[test]
    fn a_highlight_is_html_in_which_only_the_marks_are_tags() {
        assert_eq!(marked("a <b> & \u{2}Rust\u{3}"), "a &lt;b&gt; &amp; <em>Rust</em>");
    }

    #[test]
    fn the_next_part_is_a_page_as_long_as_there_are_pages() {
        let request = TestRequest::with_uri("/job/search/?q=a&page=7").insert_header(("host", "h")).to_http_request();
        let around = |number, size, cursor| {
            let found = neighbours(&request, SearchStart::Page(PageRequest::new(number, size).unwrap()), cursor);
            (found.next, found.previous)
        };
        let at = |part: &str| Some(format!("http://h/job/search/?q=a&{part}"));
        assert_eq!(around(1, 10, Some("c")), (at("page=2"), None));
        assert_eq!(around(2, 10, None), (None, at("page=1")));
        assert_eq!(around(99, 100, Some("c")), (at("page=100"), at("page=98")));
        assert_eq!(around(100, 100, Some("c")), (at("cursor=c"), at("page=99")));
        let after = SearchStart::After(SearchPosition { key: 1, id: 1 }, 10);
        let found = neighbours(&request, after, Some("d"));
        assert_eq!((found.next, found.previous), (at("cursor=d"), None));
    }
}
