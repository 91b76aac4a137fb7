use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use jobportal_application::{
    Actor, Error, JobFilter, Jobs, Position, Precondition, SearchRequest, SliceRequest, Store, SystemClock,
};
use jobportal_domain::{
    CloseReason, DocumentKind, EmployerDetails, EmployerId, ExperienceLevel, Job, JobError, JobId, JobPosting,
    JobState, JobStatus, JobSubtype, JobType, UserType, Version,
};
use jobportal_tests::database::TestDatabase;

use crate::fixtures::{
    after, apply, at_once, candidate, document, employer, job, now, page, plain_posting, posting, text,
};

on_both![
    a_job_comes_back_as_it_was_stored,
    a_change_is_kept_and_found,
    of_concurrent_changes_of_one_version_one_is_made,
    details_show_the_employer_and_count_the_applications,
    an_owner_sees_own_jobs_newest_first,
    an_owner_sees_own_jobs_by_their_state_at_a_time,
    a_job_that_is_led_on_is_stored_and_told_as_what_it_is,
    a_draft_is_no_news_and_is_never_closed_by_time,
    a_search_finds_open_jobs_newest_first,
    a_search_narrows_by_every_condition,
    a_needle_is_taken_literally_and_in_any_letter_case,
];

fn a_job_comes_back_as_it_was_stored(db: &TestDatabase) {
    let store = db.store();
    let (owner, employer_id) = employer(&*store, 1);
    let sparse =
        JobPosting { salary_range: None, application_link: None, application_email: None, ..plain_posting("Sparse") };
    for posting in [posting("Full"), sparse] {
        let job =
            store.write(|uow| Ok(uow.jobs().insert(employer_id, &posting, JobStatus::Published, now())?)).unwrap();
        let expected = Job {
            id: job.id,
            employer_id,
            posting,
            status: JobStatus::Published,
            posted_at: now(),
            updated_at: now(),
            deleted_at: None,
            version: Version::FIRST,
            closed_at: None,
        };
        assert_eq!(job, expected);
        let found = store.read(|uow| Ok(uow.jobs().find(job.id)?)).unwrap().unwrap();
        assert_eq!((found.job, found.owner), (expected, owner));
    }
    store
        .write(|uow| {
            assert_eq!(uow.jobs().find(JobId(99))?, None);
            assert_eq!(uow.jobs().lock(JobId(99))?, None);
            assert_eq!(uow.jobs().details(JobId(99))?, None);
            Ok(())
        })
        .unwrap();
}

fn a_change_is_kept_and_found(db: &TestDatabase) {
    let store = db.store();
    let (owner, employer_id) = employer(&*store, 1);
    let id = job(&*store, employer_id, "Engineer");
    let mut other = posting("Überflieger");
    other.location = text("Köln");
    other.salary_range = None;
    store
        .write(|uow| {
            let mut found = uow.jobs().lock(id)?.unwrap();
            assert_eq!(found.owner, owner);
            found.job.revise(other.clone(), after(5)).unwrap();
            uow.jobs().update(&found.job)?;
            assert_eq!(found.job.version, Version(2));
            assert_eq!(uow.jobs().find(id)?.as_ref(), Some(&found));
            Ok(())
        })
        .unwrap();
    let by_title = JobFilter { title: Some("über".to_owned()), ..JobFilter::default() };
    let by_location = JobFilter { location: Some("köln".to_owned()), ..JobFilter::default() };
    let by_former = JobFilter { title: Some("engineer".to_owned()), ..JobFilter::default() };
    assert_eq!(search(&*store, &by_title), [id]);
    assert_eq!(search(&*store, &by_location), [id]);
    assert_eq!(search(&*store, &by_former), []);

    store
        .write(|uow| {
            let mut job = uow.jobs().lock(id)?.unwrap().job;
            job.delete(after(6)).unwrap();
            uow.jobs().update(&job)?;
            assert_eq!(uow.jobs().find(id)?.unwrap().job, job);
            assert_eq!(uow.jobs().details(id)?, None);
            assert_eq!(uow.jobs().list_by_owner(owner, &[], after(6), page(1, 10))?.total, 0);
            Ok(())
        })
        .unwrap();
    assert_eq!(search(&*store, &by_title), []);
}

fn of_concurrent_changes_of_one_version_one_is_made(db: &TestDatabase) {
    let store = db.store();
    let (user_id, employer_id) = employer(&*store, 1);
    let id = job(&*store, employer_id, "Engineer");
    let actor = Actor { user_id, user_type: UserType::Employer, session_id: String::new() };
    let jobs = Jobs::new(store.clone(), Arc::new(SystemClock));
    let seen = Precondition::OneOf(vec![Version::FIRST]);
    let changes = at_once(8, &store, move |_, number| {
        let posting = posting(&format!("Engineer {number}"));
        jobs.revise(&actor, id, None, &seen, |_| Ok(posting.clone()))
    });
    let (made, refused): (Vec<_>, Vec<_>) = changes.into_iter().partition(Result::is_ok);
    assert!(refused.iter().all(|refusal| matches!(refusal, Err(Error::PreconditionFailed))), "{refused:?}");
    let stored = store.read(|uow| Ok(uow.jobs().find(id)?.unwrap().job)).unwrap();
    assert_eq!(stored.version, Version(2));
    assert_eq!(made.into_iter().map(Result::unwrap).collect::<Vec<_>>(), [stored]);
}

fn details_show_the_employer_and_count_the_applications(db: &TestDatabase) {
    let store = db.store();
    let (owner, employer_id) = employer(&*store, 1);
    let (busy, quiet) = (job(&*store, employer_id, "Busy"), job(&*store, employer_id, "Quiet"));
    for number in 2..5 {
        apply(&*store, busy, candidate(&*store, number).1);
    }
    store
        .write(|uow| {
            let logo = uow.documents().insert(owner, &document(DocumentKind::ProfilePicture, "logo"), now())?;
            let details = EmployerDetails { company_name: Some(text("ACME")), ..EmployerDetails::default() };
            uow.employers().update(employer_id, &details, Some(logo.id), Version(2), now())?;
            let profile = uow.employers().find(employer_id)?.unwrap();

            let busy_details = uow.jobs().details(busy)?.unwrap();
            assert_eq!(busy_details.employer, profile);
            assert_eq!(busy_details.total_applications, 3);
            assert_eq!(busy_details.job, uow.jobs().find(busy)?.unwrap().job);
            let quiet_details = uow.jobs().details(quiet)?.unwrap();
            assert_eq!((&quiet_details.employer, quiet_details.total_applications), (&profile, 0));
            let found = uow.search().find(&request(&JobFilter::default(), 1, 10), now())?;
            let found: Vec<_> = found.jobs.into_iter().map(|found| found.details).collect();
            assert_eq!(found, [quiet_details, busy_details]);
            Ok(())
        })
        .unwrap();
}

/// Posts a job that began `age` seconds ago.
fn post(store: &dyn Store, employer: EmployerId, posting: &JobPosting, age: i64) -> JobId {
    store.write(|uow| Ok(uow.jobs().insert(employer, posting, JobStatus::Published, after(-age))?.id)).unwrap()
}

fn an_owner_sees_own_jobs_newest_first(db: &TestDatabase) {
    let store = db.store();
    let ((owner, own), (_, foreign)) = (employer(&*store, 1), employer(&*store, 2));
    let jobs: Vec<_> = [20, 30, 10, 10].map(|age| post(&*store, own, &posting("Own"), age)).to_vec();
    post(&*store, foreign, &posting("Foreign"), 0);
    let list = |number, size| {
        let page = store.read(|uow| Ok(uow.jobs().list_by_owner(owner, &[], now(), page(number, size))?)).unwrap();
        (page.items.into_iter().map(|job| job.id).collect::<Vec<_>>(), page.total)
    };
    assert_eq!(list(1, 10), (vec![jobs[3], jobs[2], jobs[0], jobs[1]], 4));
    assert_eq!(list(2, 2), (vec![jobs[0], jobs[1]], 4));
    assert_eq!(list(3, 2), (Vec::new(), 4));
}

/// One job in each status and time, and what each is at its deadline's eve and after it.
fn jobs_of_all_kinds(store: &dyn Store, employer: EmployerId) -> Vec<(JobId, JobState, JobState)> {
    let mut jobs = Vec::new();
    for status in JobStatus::ALL {
        for (closed_at, deleted_at) in [(None, None), (Some(after(1)), None), (None, Some(after(2)))] {
            let job = store
                .write(|uow| {
                    let inserted = uow.jobs().insert(employer, &posting("Any"), *status, now())?;
                    let job = Job { closed_at, deleted_at, ..inserted };
                    uow.jobs().update(&job)?;
                    Ok(job)
                })
                .unwrap();
            let deadline = job.posting.deadline;
            jobs.push((job.id, job.state(deadline - TimeDelta::microseconds(1)), job.state(deadline)));
        }
    }
    jobs
}

fn an_owner_sees_own_jobs_by_their_state_at_a_time(db: &TestDatabase) {
    let store = db.store();
    let ((owner, own), (_, foreign)) = (employer(&*store, 1), employer(&*store, 2));
    jobs_of_all_kinds(&*store, foreign);
    let jobs = jobs_of_all_kinds(&*store, own);
    let deadline = posting("Any").deadline;
    let list = |states: &[JobState], at| {
        let page = store.read(|uow| Ok(uow.jobs().list_by_owner(owner, states, at, page(1, 100))?)).unwrap();
        assert_eq!(page.total, page.items.len() as u64);
        page.items.into_iter().map(|job| job.id).collect::<Vec<_>>()
    };
    let newest_first = |wanted: &dyn Fn(&(JobId, JobState, JobState)) -> bool| {
        jobs.iter().rev().filter(|job| wanted(job)).map(|(id, ..)| *id).collect::<Vec<_>>()
    };
    let eve = deadline - TimeDelta::microseconds(1);
    for state in JobState::ALL {
        let (before, then) = (list(&[*state], eve), list(&[*state], deadline));
        assert_eq!(before, newest_first(&|(_, before, _)| before == state), "{state}");
        assert_eq!(then, newest_first(&|(_, _, then)| then == state), "{state}");
        assert!(!before.is_empty(), "{state}");
    }
    assert_eq!(list(&[], eve), newest_first(&|(_, before, _)| *before != JobState::Deleted));
    let two = [JobState::Draft, JobState::Expired];
    assert_eq!(list(&two, deadline), newest_first(&|(_, _, then)| two.contains(then)));
    let second = store.read(|uow| Ok(uow.jobs().list_by_owner(owner, &two, deadline, page(2, 2))?)).unwrap();
    assert_eq!((second.items[0].id, second.total), (list(&two, deadline)[2], list(&two, deadline).len() as u64));
}

fn states_told(store: &dyn Store, at: DateTime<Utc>) -> Vec<(JobId, JobState)> {
    let all = SliceRequest::new(Position::default(), 100).unwrap();
    let slice = store.read(|uow| Ok(uow.changes().jobs(all, at)?)).unwrap();
    slice.items.into_iter().map(|change| (change.job.id, change.state)).collect()
}

fn a_job_that_is_led_on_is_stored_and_told_as_what_it_is(db: &TestDatabase) {
    let store = db.store();
    let (_, employer_id) = employer(&*store, 1);
    let id = job(&*store, employer_id, "Engineer");
    let deadline = posting("Engineer").deadline;
    let later = deadline + TimeDelta::days(2);
    let lead = |step: &dyn Fn(&mut Job) -> Result<(), JobError>| {
        store
            .write(|uow| {
                let mut job = uow.jobs().lock(id)?.unwrap().job;
                step(&mut job)?;
                uow.jobs().update(&job)?;
                assert_eq!(uow.jobs().find(id)?.unwrap().job, job);
                Ok(())
            })
            .unwrap();
    };
    let all = JobFilter::default();
    lead(&|job| job.pause(after(1)));
    assert_eq!((search(&*store, &all), states_told(&*store, after(1))), (vec![], vec![(id, JobState::Paused)]));
    // A paused job expires too.
    assert_eq!(store.write(|uow| Ok(uow.jobs().close_due(deadline, 10)?)).unwrap(), 1);
    assert_eq!(states_told(&*store, after(2)), [(id, JobState::Expired)]);
    lead(&|job| job.extend(later, deadline));
    assert_eq!(
        (search_at(&*store, &all, deadline), states_told(&*store, deadline)),
        (vec![id], vec![(id, JobState::Published)])
    );
    lead(&|job| job.close(CloseReason::Filled, deadline));
    assert_eq!(
        (search_at(&*store, &all, deadline), states_told(&*store, deadline)),
        (vec![], vec![(id, JobState::Closed)])
    );
    // What is closed stays so when its deadline passes.
    assert_eq!(store.write(|uow| Ok(uow.jobs().close_due(later, 10)?)).unwrap(), 0);
}

fn a_draft_is_no_news_and_is_never_closed_by_time(db: &TestDatabase) {
    let store = db.store();
    let (_, employer_id) = employer(&*store, 1);
    let draft =
        store.write(|uow| Ok(uow.jobs().insert(employer_id, &posting("Draft"), JobStatus::Draft, now())?)).unwrap();
    let late = draft.posting.deadline;
    assert_eq!(store.write(|uow| Ok(uow.jobs().close_due(late, 10)?)).unwrap(), 0);
    assert_eq!((search(&*store, &JobFilter::default()), states_told(&*store, now())), (vec![], vec![]));
    store
        .write(|uow| {
            let mut job = uow.jobs().lock(draft.id)?.unwrap().job;
            job.publish(after(9)).unwrap();
            uow.jobs().update(&job)?;
            Ok(())
        })
        .unwrap();
    let found = store.read(|uow| Ok(uow.jobs().find(draft.id)?)).unwrap().unwrap();
    assert_eq!((found.job.posted_at, found.job.status), (after(9), JobStatus::Published));
    assert_eq!(
        (search(&*store, &JobFilter::default()), states_told(&*store, after(9))),
        (vec![draft.id], vec![(draft.id, JobState::Published)])
    );
}

fn request(filter: &JobFilter, number: u32, size: u32) -> SearchRequest {
    SearchRequest::page(filter.clone(), page(number, size))
}

fn search_at(store: &dyn Store, filter: &JobFilter, now: DateTime<Utc>) -> Vec<JobId> {
    let found = store.read(|uow| Ok(uow.search().find(&request(filter, 1, 100), now)?)).unwrap();
    assert_eq!(found.total, found.jobs.len() as u64);
    found.jobs.into_iter().map(|found| found.details.job.id).collect()
}

fn search(store: &dyn Store, filter: &JobFilter) -> Vec<JobId> {
    search_at(store, filter, now())
}

fn a_search_finds_open_jobs_newest_first(db: &TestDatabase) {
    let store = db.store();
    let (_, employer_id) = employer(&*store, 1);
    let jobs: Vec<_> = [20, 30, 10, 10, 40].map(|age| post(&*store, employer_id, &posting("Job"), age)).to_vec();
    let newest_first = [jobs[3], jobs[2], jobs[0], jobs[1], jobs[4]];
    let all = JobFilter::default();
    assert_eq!(search(&*store, &all), newest_first);

    let deadline = posting("Job").deadline;
    assert_eq!(search_at(&*store, &all, deadline - TimeDelta::microseconds(1)), newest_first);
    assert_eq!(search_at(&*store, &all, deadline), []);

    for (number, expected) in [(1, &newest_first[..2]), (2, &newest_first[2..4]), (3, &newest_first[4..]), (4, &[])] {
        let found = store.read(|uow| Ok(uow.search().find(&request(&all, number, 2), now())?)).unwrap();
        assert_eq!(found.jobs.iter().map(|found| found.details.job.id).collect::<Vec<_>>(), expected);
        assert_eq!(found.total, 5);
    }
}

fn a_search_narrows_by_every_condition(db: &TestDatabase) {
    let store = db.store();
    let (_, employer_id) = employer(&*store, 1);
    let wanted = JobPosting {
        job_type: JobType::Government,
        job_subtype: JobSubtype::PartTime,
        experience_level: ExperienceLevel::Senior,
        location: text("Chattogram"),
        ..posting("Rust engineer")
    };
    let id = post(&*store, employer_id, &wanted, 0);
    for other in [
        JobPosting { title: text("Cook"), ..wanted.clone() },
        JobPosting { location: text("Sylhet"), ..wanted.clone() },
        JobPosting { job_type: JobType::Private, ..wanted.clone() },
        JobPosting { job_subtype: JobSubtype::Contract, ..wanted.clone() },
        JobPosting { experience_level: ExperienceLevel::Entry, ..wanted.clone() },
    ] {
        post(&*store, employer_id, &other, 0);
    }
    let filter = JobFilter {
        title: Some("engine".to_owned()),
        location: Some("togram".to_owned()),
        job_types: vec![JobType::Government],
        job_subtypes: vec![JobSubtype::PartTime],
        experience_levels: vec![ExperienceLevel::Senior],
        ..JobFilter::default()
    };
    assert_eq!(search(&*store, &filter), [id]);
    assert_eq!(search(&*store, &JobFilter { id: Some(id), ..filter.clone() }), [id]);
    assert_eq!(search(&*store, &JobFilter { id: Some(JobId(id.0 + 1)), ..filter.clone() }), []);
    let one_less = [
        JobFilter { title: None, ..filter.clone() },
        JobFilter { location: None, ..filter.clone() },
        JobFilter { job_types: Vec::new(), ..filter.clone() },
        JobFilter { job_subtypes: Vec::new(), ..filter.clone() },
        JobFilter { experience_levels: Vec::new(), ..filter },
    ];
    for filter in one_less {
        assert_eq!(search(&*store, &filter).len(), 2, "{filter:?}");
    }
}

fn a_needle_is_taken_literally_and_in_any_letter_case(db: &TestDatabase) {
    let store = db.store();
    let (_, employer_id) = employer(&*store, 1);
    let titles = ["100% remote", "100x remote", "snake_case", "snakeXcase", "back\\slash", "ÉCOLE", "O'Neil; DROP"];
    let ids: Vec<_> = titles.iter().map(|title| job(&*store, employer_id, title)).collect();
    let long = "%".repeat(60_000);
    for (needle, expected) in [
        ("100%", vec![ids[0]]),
        ("100", vec![ids[1], ids[0]]),
        ("e_c", vec![ids[2]]),
        ("k\\s", vec![ids[4]]),
        ("école", vec![ids[5]]),
        ("' OR '1'='1", vec![]),
        ("o'neil;", vec![ids[6]]),
        ("remote\0", vec![]),
        (&long, vec![]),
        ("", ids.iter().rev().copied().collect()),
    ] {
        let by_title = JobFilter { title: Some(needle.to_owned()), ..JobFilter::default() };
        assert_eq!(search(&*store, &by_title), expected, "{}", needle.len());
    }
}
