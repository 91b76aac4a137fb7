//! The store tells what its transactions may have changed, so that no answer is kept which shows what was before.

use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use jobportal_application::{ChangeListener, Error, NewNotification, Notification, Store, Subject, UnitOfWork};
use jobportal_domain::{EmployerDetails, JobId, PlanName, UserType, Version};
use jobportal_tests::database::TestDatabase;

use crate::fixtures::{
    after, apply, candidate, document, email, employer, job, new_application, new_user, now, page, posting, text,
};

on_both! {
    each_write_of_what_answers_show_is_told_when_it_is_done,
    what_answers_do_not_show_and_reads_are_told_to_nobody,
    what_failed_is_told_as_well,
}

/// Notes what it is told, with the titles of the jobs that a reader sees then.
#[derive(Default)]
struct Recorder {
    told: Mutex<Vec<Subject>>,
    reader: Mutex<Option<Arc<dyn Store>>>,
    seen: Mutex<Vec<String>>,
}

impl ChangeListener for Recorder {
    fn changed(&self, subjects: &[Subject]) {
        self.told.lock().unwrap().extend_from_slice(subjects);
        if let Some(reader) = &*self.reader.lock().unwrap() {
            let found = reader.read(|uow| Ok(uow.jobs().find(JobId(1))?)).unwrap();
            self.seen.lock().unwrap().extend(found.map(|found| found.job.posting.title.into_string()));
        }
    }
}

impl Recorder {
    fn take(&self) -> Vec<Subject> {
        std::mem::take(&mut self.told.lock().unwrap())
    }
}

fn open(database: &TestDatabase) -> (Arc<dyn Store>, Arc<Recorder>) {
    let recorder = Arc::new(Recorder::default());
    (Arc::new(database.open(2).telling(recorder.clone())), recorder)
}

fn each_write_of_what_answers_show_is_told_when_it_is_done(database: &TestDatabase) {
    let (store, recorder) = open(database);
    let (store, told) = (&*store, || recorder.take());
    let ((_, owner), (_, candidate)) = (employer(store, 1), candidate(store, 2));
    told();

    let job = job(store, owner, "Engineer");
    assert_eq!((job, told()), (JobId(1), vec![Subject::Job(job)]));
    *recorder.reader.lock().unwrap() = Some(Arc::new(database.open(1)));
    let mut changed = store.read(|uow| Ok(uow.jobs().find(job)?.unwrap().job)).unwrap();
    changed.revise(posting("Lead"), after(1)).unwrap();
    store.write(|uow| Ok(uow.jobs().update(&changed)?)).unwrap();
    assert_eq!(told(), [Subject::Job(job)]);
    assert_eq!(*recorder.seen.lock().unwrap(), ["Lead"]);

    apply(store, job, candidate);
    assert_eq!(told(), [Subject::Job(job)]);
    let details = EmployerDetails { company_name: Some(text("ACME")), ..EmployerDetails::default() };
    store.write(|uow| Ok(uow.employers().update(owner, &details, None, Version(2), now())?)).unwrap();
    assert_eq!(told(), [Subject::Employer(owner)]);
    let closed = store.write(|uow| Ok(uow.jobs().close_due(after(1_000_000), 10)?)).unwrap();
    assert_eq!((closed, told()), (1, vec![Subject::Job(job)]));

    let content = Notification::PasswordChanged;
    let mail = NewNotification { recipient: email("ann@example.com"), content, created_at: now() };
    store.write(|uow| Ok(uow.outbox().enqueue(&mail)?)).unwrap();
    assert_eq!(told(), [Subject::Outbox]);

    let mut plan = store.read(|uow| Ok(uow.plans().find_by_name(PlanName::Basic)?.unwrap())).unwrap();
    plan.revise(plan.terms.clone(), now());
    let writes: [fn(&mut dyn UnitOfWork, &jobportal_domain::Plan); 3] = [
        |uow, plan| uow.plans().update(plan).unwrap(),
        |uow, plan| assert!(uow.plans().delete(plan.id).unwrap()),
        |uow, plan| _ = uow.plans().insert(&plan.terms, now()).unwrap(),
    ];
    for write in writes {
        store
            .write(|uow| {
                write(uow, &plan);
                Ok(())
            })
            .unwrap();
        assert_eq!(told(), [Subject::Plans]);
    }

    store
        .write(|uow| {
            Ok(uow
                .users()
                .insert(&jobportal_application::NewUser { verified_at: None, ..new_user(3, UserType::Employer) })?)
        })
        .unwrap();
    assert_eq!(told(), []);
    let purged = store.write(|uow| Ok(uow.users().purge_unverified(now() + TimeDelta::days(1))?)).unwrap();
    assert_eq!((purged, told()), (1, vec![Subject::Everything]));
    store.write(|uow| Ok(uow.bulk().delete_all()?)).unwrap();
    assert_eq!(told(), [Subject::Everything]);
}

fn what_answers_do_not_show_and_reads_are_told_to_nobody(database: &TestDatabase) {
    let (store, recorder) = open(database);
    let store = &*store;
    let ((user, owner), _) = (employer(store, 1), candidate(store, 2));
    let job = job(store, owner, "Engineer");
    recorder.take();
    store.read(|uow| Ok(uow.jobs().list_by_owner(user, &[], now(), page(1, 10))?)).unwrap();
    store.read_one(|uow| Ok(uow.jobs().details(job)?)).unwrap();
    let logo = document(jobportal_domain::DocumentKind::ProfilePicture, "logo");
    store.write(|uow| Ok(uow.documents().insert(user, &logo, now())?)).unwrap();
    assert_eq!(store.write(|uow| Ok(uow.users().purge_unverified(now())?)).unwrap(), 0);
    assert_eq!(store.write(|uow| Ok(uow.jobs().close_due(now(), 10)?)).unwrap(), 0);
    assert_eq!(recorder.take(), []);
}

fn what_failed_is_told_as_well(database: &TestDatabase) {
    let (store, recorder) = open(database);
    let store = &*store;
    let ((_, owner), (_, candidate)) = (employer(store, 1), candidate(store, 2));
    let job = job(store, owner, "Engineer");
    recorder.take();
    let undone: Result<(), Error> = store.write(|uow| {
        uow.applications().insert(&new_application(job, candidate))?;
        Err(Error::INVALID_PAGE)
    });
    assert!(undone.is_err());
    assert_eq!(recorder.take(), [Subject::Job(job)]);
}
