use jobportal_application::{
    JobFilter, SearchRequest, SeedApplication, SeedCandidate, SeedEmployer, SeedJob, SeedUser, Store,
};
use jobportal_domain::{
    ApplicationForm, ApplicationStatus, CandidateId, EmployerDetails, JobId, PersonalDetails, ProfessionalDetails,
    Section, UserType, WebAddress,
};
use jobportal_tests::database::TestDatabase;

use crate::fixtures::{after, new_user, now, page, posting, text};

on_both![
    many_rows_come_back_in_the_order_they_were_given,
    applications_that_are_there_are_passed_over,
    everything_but_the_plans_can_be_deleted,
];

fn seed_user(number: u32, user_type: UserType) -> SeedUser {
    let new = new_user(number, user_type);
    SeedUser {
        email: new.email,
        phone_number: new.phone_number,
        user_type,
        password_hash: new.password_hash,
        created_at: now(),
    }
}

/// An employer with so many jobs, and so many candidates.
fn seed(store: &dyn Store, jobs: usize, candidates: u32) -> (Vec<JobId>, Vec<CandidateId>) {
    store
        .write(|uow| {
            let mut users: Vec<_> = (0..candidates).map(|number| seed_user(number, UserType::Candidate)).collect();
            users.push(seed_user(candidates, UserType::Employer));
            let users = uow.bulk().insert_users(&users)?;
            let (employer, candidate_users) = users.split_last().unwrap();
            let details = EmployerDetails { company_name: Some(text("ACME")), ..EmployerDetails::default() };
            let employer = SeedEmployer { user_id: *employer, details, created_at: now() };
            let employer_id = uow.bulk().insert_employers(&[employer])?[0];
            let seeds: Vec<_> = candidate_users
                .iter()
                .map(|user| {
                    let mut professional = ProfessionalDetails::default();
                    professional.set(Section::Skills, vec![text(&format!("b{user}")), text("a")]).unwrap();
                    let personal = PersonalDetails {
                        first_name: Some(text(&format!("Name{user}"))),
                        social_links: vec![WebAddress::parse("https://example.com").unwrap()],
                        ..PersonalDetails::default()
                    };
                    SeedCandidate { user_id: *user, personal, professional, created_at: now() }
                })
                .collect();
            let candidates = uow.bulk().insert_candidates(&seeds)?;
            let seeds: Vec<_> = (0..jobs)
                .map(|number| SeedJob { employer_id, posting: posting(&format!("Job {number}")), posted_at: now() })
                .collect();
            Ok((uow.bulk().insert_jobs(&seeds)?, candidates))
        })
        .unwrap()
}

fn many_rows_come_back_in_the_order_they_were_given(db: &TestDatabase) {
    // More than fit in one statement.
    let store = db.store();
    let (jobs, candidates) = seed(&*store, 2_500, 5_000);
    assert_eq!((jobs.len(), candidates.len()), (2_500, 5_000));
    store
        .write(|uow| {
            for number in [0, 1, 2_046, 2_047, 2_048, 2_499] {
                let job = uow.jobs().find(jobs[number])?.unwrap().job;
                assert_eq!(job.posting, posting(&format!("Job {number}")));
            }
            for number in [0, 3_639, 3_640, 3_641, 4_999] {
                let account = uow.candidates().find(candidates[number])?.unwrap();
                assert_eq!(
                    account.contact.email,
                    Some(new_user(u32::try_from(number).unwrap(), UserType::Admin).email)
                );
                let user = account.contact.user_id;
                assert_eq!(account.profile.personal.full_name(), Some(format!("Name{user}")));
                assert_eq!(account.profile.personal.social_links.len(), 1);
                let details = account.profile.professional.unwrap().details;
                assert_eq!(details.section(Section::Skills), [text(&format!("b{user}")), text("a")]);
            }
            let filter = JobFilter { title: Some("job 2499".to_owned()), ..JobFilter::default() };
            let found = uow.search().find(&SearchRequest::page(filter, page(1, 10)), now())?;
            assert_eq!(found.jobs[0].details.job.id, jobs[2_499]);
            assert_eq!(uow.bulk().count_users_with_suffix("@example.com")?, 5_001);
            assert_eq!(uow.bulk().count_users_with_suffix("@example.org")?, 0);
            assert_eq!(uow.bulk().count_users_with_suffix("%")?, 0);
            uow.bulk().analyze()?;
            Ok(())
        })
        .unwrap();
    assert_eq!(store.write(|uow| Ok(uow.bulk().insert_users(&[])?)).unwrap(), []);
}

fn applications_that_are_there_are_passed_over(db: &TestDatabase) {
    let store = db.store();
    let (jobs, candidates) = seed(&*store, 2, 2);
    let application = |job: usize, candidate: usize| SeedApplication {
        job_id: jobs[job],
        candidate_id: candidates[candidate],
        form: ApplicationForm::default(),
        status: ApplicationStatus::Offered,
        applied_at: after(-1),
    };
    store
        .write(|uow| {
            assert_eq!(uow.bulk().insert_applications(&[application(0, 0), application(1, 0)])?, 2);
            let more = [application(0, 0), application(0, 1), application(0, 1)];
            assert_eq!(uow.bulk().insert_applications(&more)?, 1);
            let received = uow.applications().list_by_job(jobs[0], page(1, 10))?;
            assert_eq!(received.total, 2);
            assert!(received.items.iter().all(|r| r.application.status == ApplicationStatus::Offered));
            Ok(())
        })
        .unwrap();
}

fn everything_but_the_plans_can_be_deleted(db: &TestDatabase) {
    let store = db.store();
    let (jobs, candidates) = seed(&*store, 2, 2);
    store
        .write(|uow| {
            let application = SeedApplication {
                job_id: jobs[0],
                candidate_id: candidates[0],
                form: ApplicationForm::default(),
                status: ApplicationStatus::Applied,
                applied_at: now(),
            };
            uow.bulk().insert_applications(&[application])?;
            uow.bulk().delete_all()?;
            assert_eq!(uow.users().list(page(1, 10))?.total, 0);
            assert_eq!(uow.jobs().find(jobs[0])?, None);
            assert_eq!(uow.plans().list()?.len(), 5);
            Ok(())
        })
        .unwrap();
    // Ids are not given again.
    assert!(seed(&*store, 2, 2).0[0] > jobs[1]);
}
