//! The service on mocks: a test says what the store holds, and asserts what the service makes of it.

use std::sync::Arc;

use embedder::Recruiting;
use jobportal_application::mocks::mockall::predicate::eq;
use jobportal_application::mocks::{MockStore, MockUnitOfWork};
use jobportal_application::samples;
use jobportal_application::{
    Access, Error, JobDetails, OwnedApplication, OwnedJob, ReceivedApplication, RepositoryError,
};
use jobportal_domain::{ApplicationForm, ApplicationId, ApplicationStatus, JobApplication, UserId};

/// The service, and the store to look at afterwards.
fn recruiting(uow: MockUnitOfWork) -> (Recruiting, Arc<MockStore>) {
    let store = Arc::new(MockStore::new(uow));
    (Recruiting::new(store.clone(), samples::clock()), store)
}

fn application(id: i64, letter: &str) -> JobApplication {
    let form = ApplicationForm { cover_letter: Some(samples::text(letter)), ..ApplicationForm::default() };
    JobApplication { id: ApplicationId(id), form, ..samples::application() }
}

/// The job of the samples is there, and belongs to `owner`.
fn expect_job(uow: &mut MockUnitOfWork, owner: UserId) {
    uow.jobs
        .expect_find()
        .with(eq(samples::job().id))
        .returning(move |_| Ok(Some(OwnedJob { job: samples::job(), owner })));
    // Nothing is kept here, so there is no state to know it by.
    uow.applications.expect_list_state().returning(|_, _| Ok(None));
}

#[test]
fn only_an_application_that_says_why_is_selected() {
    let mut uow = MockUnitOfWork::default();
    expect_job(&mut uow, samples::EMPLOYER_USER);
    uow.applications.expect_list_by_job().returning(|_, _| {
        let received = [
            application(1, "Hire me"),
            application(2, "I built three of these."),
            JobApplication { status: ApplicationStatus::Rejected, ..application(3, "I built three of these.") },
        ];
        let candidate = samples::candidate_profile();
        let with_sender = received.map(|application| ReceivedApplication { application, candidate: candidate.clone() });
        Ok(samples::page_of(with_sender.into()))
    });
    uow.applications.expect_lock().with(eq(ApplicationId(2))).once().returning(|_| {
        let application = application(2, "I built three of these.");
        Ok(Some(OwnedApplication { application, job_owner: samples::EMPLOYER_USER }))
    });
    uow.applications
        .expect_update_status()
        .withf(|application| application.status == ApplicationStatus::Selected)
        .once()
        .returning(|_| Ok(()));
    // Whom to tell of it is not what this test is about.
    uow.applications.expect_parties().returning(|_| Ok(None));

    let (recruiting, store) = recruiting(uow);
    let selected = recruiting.select_reasoned(&samples::employer(), samples::job().id, samples::page());
    assert_eq!(selected.unwrap(), 1);
    assert_eq!(store.transactions(), [(Access::Read, true), (Access::Write, true)]);
}

#[test]
fn the_applications_to_another_employers_job_are_not_sorted() {
    let mut uow = MockUnitOfWork::default();
    expect_job(&mut uow, UserId(99));
    let (recruiting, store) = recruiting(uow);
    let refused = recruiting.select_reasoned(&samples::employer(), samples::job().id, samples::page());
    assert!(matches!(refused, Err(Error::NotFound(_))), "{refused:?}");
    assert_eq!(store.transactions(), [(Access::Read, false)]);
}

#[test]
fn a_letter_names_the_jobs_that_are_open() {
    let mut uow = MockUnitOfWork::default();
    uow.search
        .expect_find()
        .withf(|request, now| request.filter.title.as_deref() == Some("engineer") && *now == samples::now())
        .returning(|_, _| Ok(samples::found_jobs(vec![samples::job_details()])));
    uow.search.expect_find().returning(|_, _| Ok(samples::found_jobs(Vec::new())));
    let (recruiting, _) = recruiting(uow);
    let letter = recruiting.letter("engineer", samples::page()).unwrap();
    assert_eq!(letter.as_deref(), Some("1 open jobs for you:\n- Engineer, ACME (Dhaka)\n"));
    assert_eq!(recruiting.letter("astronaut", samples::page()).unwrap(), None);
}

#[test]
fn a_database_that_is_away_is_told_as_such() {
    let mut uow = MockUnitOfWork::default();
    uow.search.expect_find().returning(|_, _| Err(RepositoryError::Unavailable("no route to host".into())));
    let (recruiting, _) = recruiting(uow);
    let refused = recruiting.letter("engineer", samples::page());
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
}
