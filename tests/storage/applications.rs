use jobportal_application::{Error, UnitOfWork};
use jobportal_domain::{
    ApplicationForm, ApplicationId, ApplicationStatus, CandidateId, DocumentKind, EmployerDetails, JobApplication,
    JobId, PersonalDetails, ProfessionalDetails, Section, UserType, Version,
};
use jobportal_tests::database::TestDatabase;

use crate::fixtures::{
    after, apply, at_once, candidate, document, employer, job, new_application, new_user, now, page, posting, text,
};

on_both![
    an_application_comes_back_with_all_that_belongs_to_it,
    a_second_application_is_told_and_the_transaction_goes_on,
    of_concurrent_applications_one_is_stored,
    an_application_to_nothing_is_refused,
    a_move_is_kept,
    each_write_of_what_is_shown_of_applications_makes_another_state_and_no_other_write_does,
    applications_to_a_job_are_listed_oldest_first,
    applications_of_a_candidate_are_listed_oldest_first,
    the_parties_of_an_application_can_be_told,
];

fn an_application_comes_back_with_all_that_belongs_to_it(db: &TestDatabase) {
    let store = db.store();
    let ((owner, employer_id), (user, candidate_id)) = (employer(&*store, 1), candidate(&*store, 2));
    let job_id = job(&*store, employer_id, "Engineer");
    let mut skills = ProfessionalDetails::default();
    skills.set(Section::Skills, vec![text("Rust"), text("SQL")]).unwrap();
    store
        .write(|uow| {
            // Four documents meet in one query; each must come back in its own place.
            let mut insert = |owner, kind, name: &str| uow.documents().insert(owner, &document(kind, name), now());
            let logo = insert(owner, DocumentKind::ProfilePicture, "logo")?;
            let picture = insert(user, DocumentKind::ProfilePicture, "picture")?;
            let resume = insert(user, DocumentKind::Resume, "resume")?;
            let attachment = insert(user, DocumentKind::Resume, "attachment")?;
            uow.employers().update(employer_id, &EmployerDetails::default(), Some(logo.id), Version(2), now())?;
            uow.candidates().update_personal(
                candidate_id,
                &PersonalDetails::default(),
                Some(picture.id),
                Version(2),
                now(),
            )?;
            uow.candidates().save_professional(candidate_id, &skills, Some(resume.id), Version(3), now())?;
            let mut new = new_application(job_id, candidate_id);
            new.resume = Some(attachment.id);
            let id = uow.applications().insert(&new)?.unwrap();

            let application = JobApplication {
                id,
                job_id,
                candidate_id,
                form: new.form,
                resume: Some(attachment),
                status: ApplicationStatus::Applied,
                applied_at: now(),
                updated_at: now(),
                version: Version::FIRST,
            };
            let profile = uow.candidates().find(candidate_id)?.unwrap().profile;
            assert_eq!(profile.professional.as_ref().unwrap().resume, Some(resume));
            let details = uow.applications().details(id)?.unwrap();
            assert_eq!(details.application, application);
            assert_eq!(details.job.job, uow.jobs().find(job_id)?.unwrap().job);
            assert_eq!(details.job.employer, uow.employers().find(employer_id)?.unwrap());
            assert_eq!(details.job.employer.picture, Some(logo));
            assert_eq!(details.candidate, profile);

            let received = uow.applications().list_by_job(job_id, page(1, 10))?.items.remove(0);
            assert_eq!((&received.application, &received.candidate), (&application, &profile));
            let own = uow.applications().list_by_candidate(user, page(1, 10))?.items.remove(0);
            assert_eq!(own, application);
            let held = uow.applications().lock(id)?.unwrap();
            assert_eq!((held.application, held.job_owner), (application, owner));
            Ok(())
        })
        .unwrap();
}

fn a_second_application_is_told_and_the_transaction_goes_on(db: &TestDatabase) {
    let store = db.store();
    let (_, employer_id) = employer(&*store, 1);
    let ((_, ann), (_, bob)) = (candidate(&*store, 2), candidate(&*store, 3));
    let job = job(&*store, employer_id, "Engineer");
    store
        .write(|uow| {
            let mut bare = new_application(job, ann);
            bare.form = ApplicationForm::default();
            let first = uow.applications().insert(&bare)?.unwrap();
            assert_eq!(uow.applications().insert(&new_application(job, ann))?, None);
            assert!(uow.applications().exists(job, ann)?);
            assert!(!uow.applications().exists(job, bob)?);
            assert_eq!(uow.applications().details(first)?.unwrap().application.form, bare.form);
            Ok(())
        })
        .unwrap();
    apply(&*store, job, bob);
}

fn of_concurrent_applications_one_is_stored(db: &TestDatabase) {
    let store = db.store();
    let ((_, employer_id), (user, candidate_id)) = (employer(&*store, 1), candidate(&*store, 2));
    let job = job(&*store, employer_id, "Engineer");
    let ids = at_once(8, &store, move |store, _| {
        store.write(|uow| Ok(uow.applications().insert(&new_application(job, candidate_id))?)).unwrap()
    });
    assert_eq!(ids.iter().flatten().count(), 1);
    let own = store.read(|uow| Ok(uow.applications().list_by_candidate(user, page(1, 10))?)).unwrap();
    assert_eq!(own.total, 1);
}

fn an_application_to_nothing_is_refused(db: &TestDatabase) {
    let store = db.store();
    let (_, candidate_id) = candidate(&*store, 1);
    let outcome = store.write(|uow| Ok(uow.applications().insert(&new_application(JobId(99), candidate_id))?));
    assert!(matches!(outcome, Err(Error::Conflict(_))));
    store
        .write(|uow| {
            assert_eq!(uow.applications().lock(ApplicationId(99))?, None);
            assert_eq!(uow.applications().details(ApplicationId(99))?, None);
            assert_eq!(uow.applications().parties(ApplicationId(99))?, None);
            Ok(())
        })
        .unwrap();
}

fn a_move_is_kept(db: &TestDatabase) {
    let store = db.store();
    let ((_, employer_id), (_, candidate_id)) = (employer(&*store, 1), candidate(&*store, 2));
    let id = apply(&*store, job(&*store, employer_id, "Engineer"), candidate_id);
    for (number, status) in (2..).zip(ApplicationStatus::ALL.iter().rev()) {
        store
            .write(|uow| {
                let mut application = uow.applications().lock(id)?.unwrap().application;
                application.move_to(*status, after(7)).unwrap();
                uow.applications().update_status(&application)?;
                assert_eq!(application.version, Version(number));
                assert_eq!(uow.applications().details(id)?.unwrap().application, application);
                Ok(())
            })
            .unwrap();
    }
}

fn each_write_of_what_is_shown_of_applications_makes_another_state_and_no_other_write_does(db: &TestDatabase) {
    let store = db.store();
    let ((owner, employer_id), (_, other_employer)) = (employer(&*store, 1), employer(&*store, 2));
    let ((_, ann), (_, bob), (_, eve)) = (candidate(&*store, 3), candidate(&*store, 4), candidate(&*store, 5));
    let (wanted, other) = (job(&*store, employer_id, "Wanted"), job(&*store, other_employer, "Other"));
    let (of_ann, of_eve) = (apply(&*store, wanted, ann), apply(&*store, other, eve));
    let states = || {
        let read = |uow: &mut dyn UnitOfWork| {
            let list = uow.applications().list_state(wanted, page(1, 2))?.unwrap();
            let details = uow.applications().details_state(of_ann)?.unwrap();
            let deadline = uow.jobs().find(wanted)?.unwrap().job.posting.deadline;
            assert_eq!(
                [(list.job_owner, list.deadline); 2],
                [(owner, deadline), (details.job_owner, details.deadline)]
            );
            Ok([list.text, details.text])
        };
        store.read(read).unwrap()
    };
    let mut before = states();
    // Whether the state of the list is another one after a write, and that of the application of Ann.
    let mut changes = |write: &dyn Fn(&mut dyn UnitOfWork) -> Result<(), Error>| {
        store.write(|uow| write(uow)).unwrap();
        let after = states();
        let changed = [0, 1].map(|which| before[which] != after[which]);
        before = after;
        changed
    };
    let moved = |uow: &mut dyn UnitOfWork, id| {
        let mut application = uow.applications().lock(id)?.unwrap().application;
        application.move_to(ApplicationStatus::Offered, after(7)).unwrap();
        Ok(uow.applications().update_status(&application)?)
    };
    let personal = |uow: &mut dyn UnitOfWork, id, version| {
        Ok(uow.candidates().update_personal(id, &PersonalDetails::default(), None, Version(version), now())?)
    };
    let professional = |uow: &mut dyn UnitOfWork, id, version| {
        let details = ProfessionalDetails::default();
        Ok(uow.candidates().save_professional(id, &details, None, Version(version), now()).map(|_| ())?)
    };
    let company = |uow: &mut dyn UnitOfWork, id| {
        Ok(uow.employers().update(id, &EmployerDetails::default(), None, Version(2), now())?)
    };
    let revised = |uow: &mut dyn UnitOfWork, id, title| {
        let mut job = uow.jobs().lock(id)?.unwrap().job;
        job.revise(posting(title), after(1)).unwrap();
        Ok(uow.jobs().update(&job)?)
    };
    assert_eq!(changes(&|uow| moved(uow, of_ann)), [true, true]);
    assert_eq!(changes(&|uow| personal(uow, ann, 2)), [true, true]);
    assert_eq!(changes(&|uow| professional(uow, ann, 3)), [true, true]);
    assert_eq!(changes(&|uow| revised(uow, wanted, "Lead")), [true, true]);
    assert_eq!(
        changes(&|uow| Ok(uow.applications().insert(&new_application(wanted, bob)).map(|_| ())?)),
        [true, false]
    );
    assert_eq!(changes(&|uow| personal(uow, bob, 2)), [true, false]);
    // The list shows the employer by id.
    assert_eq!(changes(&|uow| company(uow, employer_id)), [false, true]);
    assert_eq!(changes(&|uow| Ok(uow.jobs().close_due(after(1_000_000), 10).map(|_| ())?)), [true, true]);

    assert_eq!(changes(&|uow| moved(uow, of_eve)), [false, false]);
    assert_eq!(changes(&|uow| personal(uow, eve, 2)), [false, false]);
    assert_eq!(changes(&|uow| revised(uow, other, "Lead")), [false, false]);
    assert_eq!(changes(&|uow| company(uow, other_employer)), [false, false]);
    assert_eq!(
        changes(&|uow| Ok(uow.applications().insert(&new_application(other, bob)).map(|_| ())?)),
        [false, false]
    );

    store
        .read(|uow| {
            assert_eq!(uow.applications().list_state(JobId(99), page(1, 2))?, None);
            assert_eq!(uow.applications().details_state(ApplicationId(99))?, None);
            let [first, second] = [1, 2].map(|number| uow.applications().list_state(wanted, page(number, 1)).unwrap());
            assert_ne!(first, second, "the profiles of each page");
            Ok(())
        })
        .unwrap();
}

fn applications_to_a_job_are_listed_oldest_first(db: &TestDatabase) {
    let store = db.store();
    let (_, employer_id) = employer(&*store, 1);
    let (wanted, other) = (job(&*store, employer_id, "Wanted"), job(&*store, employer_id, "Other"));
    let candidates: Vec<CandidateId> = (2..6).map(|number| candidate(&*store, number).1).collect();
    let ages = [20, 30, 10, 10];
    let ids: Vec<_> = store
        .write(|uow| {
            let mut ids = Vec::new();
            for (candidate, age) in candidates.iter().zip(ages) {
                let mut new = new_application(wanted, *candidate);
                new.applied_at = after(-age);
                ids.push(uow.applications().insert(&new)?.unwrap());
            }
            Ok(ids)
        })
        .unwrap();
    apply(&*store, other, candidates[0]);
    let list = |number, size| {
        let page = store.read(|uow| Ok(uow.applications().list_by_job(wanted, page(number, size))?)).unwrap();
        assert!(page.items.iter().all(|received| received.application.candidate_id == received.candidate.id));
        (page.items.into_iter().map(|received| received.application.id).collect::<Vec<_>>(), page.total)
    };
    assert_eq!(list(1, 10), (vec![ids[1], ids[0], ids[2], ids[3]], 4));
    assert_eq!(list(2, 3), (vec![ids[3]], 4));
    assert_eq!(list(3, 3), (Vec::new(), 4));
}

fn applications_of_a_candidate_are_listed_oldest_first(db: &TestDatabase) {
    let store = db.store();
    let (_, employer_id) = employer(&*store, 1);
    let ((user, candidate_id), (_, other)) = (candidate(&*store, 2), candidate(&*store, 3));
    let jobs: Vec<_> = ["a", "b", "c"].map(|title| job(&*store, employer_id, title)).to_vec();
    let ids: Vec<_> = jobs.iter().map(|job| apply(&*store, *job, candidate_id)).collect();
    apply(&*store, jobs[0], other);
    let list = |number, size| {
        let page = store.read(|uow| Ok(uow.applications().list_by_candidate(user, page(number, size))?)).unwrap();
        (page.items.into_iter().map(|application| application.id).collect::<Vec<_>>(), page.total)
    };
    assert_eq!(list(1, 10), (ids.clone(), 3));
    assert_eq!(list(1, 2), (ids[..2].to_vec(), 3));
    assert_eq!(list(2, 2), (ids[2..].to_vec(), 3));
}

fn the_parties_of_an_application_can_be_told(db: &TestDatabase) {
    let store = db.store();
    let ((_, employer_id), (_, candidate_id)) = (employer(&*store, 1), candidate(&*store, 2));
    let id = apply(&*store, job(&*store, employer_id, "Engineer"), candidate_id);
    let parties = || store.read(|uow| Ok(uow.applications().parties(id)?.unwrap())).unwrap();
    assert_eq!(parties().candidate_name, None);
    let named = PersonalDetails { last_name: Some(text("Abc")), ..PersonalDetails::default() };
    store.write(|uow| Ok(uow.candidates().update_personal(candidate_id, &named, None, Version(2), now())?)).unwrap();
    let parties = parties();
    assert_eq!((parties.job_title.as_str(), parties.company_name.as_str()), ("Engineer", "ACME"));
    assert_eq!(parties.candidate_name.as_deref(), Some("Abc"));
    assert_eq!(parties.employer_email, new_user(1, UserType::Employer).email);
    assert_eq!(parties.candidate_email, new_user(2, UserType::Candidate).email);
}
