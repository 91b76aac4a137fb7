use mockall::predicate::eq;

use super::*;
use crate::Access;
use crate::fixtures::{candidate, clock, job, now, page, past_the_end, store};
use crate::mocks::{MockStore, MockUnitOfWork};
use crate::samples::{found_jobs, job_details};

fn wire(uow: MockUnitOfWork) -> (Search, Arc<MockStore>) {
    let store = store(uow);
    (Search::new(store.clone(), clock()), store)
}

fn request(text: &str) -> SearchRequest {
    SearchRequest::page(JobFilter { text: SearchText::parse(text), ..JobFilter::default() }, page())
}

/// An engine that finds one job by the text "engineer", and knows that "enginer" is meant for it.
fn engine() -> MockUnitOfWork {
    let mut uow = MockUnitOfWork::default();
    uow.search.expect_find().returning(|request, time| {
        assert_eq!(time, now());
        let fits = request.filter.text == SearchText::parse("engineer");
        Ok(found_jobs(if fits { vec![job_details()] } else { Vec::new() }))
    });
    uow.search
        .expect_correct()
        .returning(|text| Ok((*text == SearchText::parse("enginer")).then(|| SearchText::parse("engineer"))));
    uow
}

#[test]
fn what_is_found_at_once_is_one_statement() {
    let (search, store) = wire(engine());
    assert_eq!(search.find(&request("engineer")).unwrap(), found_jobs(vec![job_details()]));
    assert_eq!(store.transactions(), [(Access::Statement, true)]);
}

#[test]
fn words_near_to_those_that_find_nothing_are_tried_and_told() {
    let found = wire(engine()).0.find(&request("enginer")).unwrap();
    assert_eq!(found.corrected, Some(SearchText::parse("engineer")));
    assert_eq!(found.jobs, found_jobs(vec![job_details()]).jobs);
    assert_eq!(
        wire(engine()).0.find(&request("clerk")).unwrap(),
        FoundJobs { total_is_exact: true, ..FoundJobs::default() }
    );
}

#[test]
fn a_correction_that_finds_nothing_either_is_not_told() {
    let mut uow = MockUnitOfWork::default();
    uow.search.expect_find().returning(|_, _| Ok(found_jobs(Vec::new())));
    uow.search.expect_correct().once().returning(|_| Ok(Some(SearchText::parse("clerk"))));
    assert_eq!(wire(uow).0.find(&request("clrk")).unwrap().corrected, None);
}

#[test]
fn without_words_there_is_nothing_to_correct() {
    let mut uow = MockUnitOfWork::default();
    uow.search.expect_find().once().returning(|_, _| Ok(found_jobs(Vec::new())));
    assert_eq!(wire(uow).0.find(&request("")).unwrap().total, 0);
}

#[test]
fn facets_are_counted_of_what_was_found_in_the_end() {
    let facets = vec![Facet::JobType, Facet::Skill];
    let counts = |facets: &[Facet]| -> Vec<FacetCounts> {
        facets.iter().map(|facet| FacetCounts { facet: *facet, values: Vec::new(), is_exact: true }).collect()
    };
    let mut uow = engine();
    uow.search.expect_count().once().returning(move |filter, facets, time| {
        assert_eq!((filter, time), (&request("engineer").filter, now()));
        Ok(counts(facets))
    });
    let (search, store) = wire(uow);
    let found = search.find(&SearchRequest { facets: facets.clone(), ..request("enginer") }).unwrap();
    assert_eq!(found.facets, counts(&facets));
    // They belong to the jobs, so both are read in one snapshot.
    assert_eq!(store.transactions(), [(Access::Read, true)]);
    // Of nothing there is nothing to count.
    assert!(wire(engine()).0.find(&SearchRequest { facets, ..request("clerk") }).unwrap().facets.is_empty());
}

#[test]
fn pages_end_and_a_cursor_may_come_to_the_end() {
    let find = |start| {
        let mut uow = MockUnitOfWork::default();
        uow.search.expect_find().returning(|_, _| Ok(FoundJobs { total: 1, ..FoundJobs::default() }));
        wire(uow).0.find(&SearchRequest { start, ..request("") })
    };
    let second = SearchStart::Page(past_the_end::<()>().request);
    assert!(matches!(find(second), Err(Error::NotFound("Invalid page."))));
    let deep = PageRequest::new(1_001, 10).map(SearchStart::Page).unwrap();
    assert_eq!(crate::fixtures::violations(find(deep)).of("page").len(), 1);
    let last = SearchStart::After(SearchPosition { key: 1, id: 1 }, 10);
    assert!(find(last).unwrap().jobs.is_empty());
}

#[test]
fn a_beginning_is_looked_for_in_lower_case() {
    let mut uow = MockUnitOfWork::default();
    let found = Suggestion { kind: SuggestionKind::Place, text: "Örebro".to_owned(), count: 3 };
    let suggestions = vec![found.clone()];
    uow.search
        .expect_suggest()
        .once()
        .withf(|prefix, kinds, limit| (prefix, kinds, *limit) == ("ör", &[SuggestionKind::Place], 10))
        .returning(move |_, _, _| Ok(suggestions.clone()));
    assert_eq!(wire(uow).0.suggest("ÖR", &[SuggestionKind::Place]).unwrap(), [found]);
}

#[test]
fn what_is_like_a_job_is_told_to_whoever_may_read_it() {
    let mut uow = MockUnitOfWork::default();
    uow.jobs.expect_details().with(eq(job().id)).returning(|_| Ok(Some(job_details())));
    uow.jobs.expect_details().returning(|_| Ok(None));
    uow.search
        .expect_similar()
        .once()
        .with(eq(job().id), eq(now()), eq(Search::MAX_SIMILAR))
        .returning(|_, _, _| Ok(vec![job_details()]));
    let (search, _) = wire(uow);
    assert_eq!(search.similar(&candidate(), job().id).unwrap(), [job_details()]);
    assert!(matches!(search.similar(&candidate(), JobId(404)), Err(Error::NotFound(_))));
}
