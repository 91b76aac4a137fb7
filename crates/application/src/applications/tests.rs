use chrono::TimeDelta;
use jobportal_domain::{DocumentKind, JobStatus, Money, NotificationId, Plan, PlanName, StoredDocument, Subscription};
use mockall::Sequence;
use mockall::predicate::{always, eq};

use super::*;
use crate::fixtures::{
    CANDIDATE, CANDIDATE_USER, EMPLOYER_USER, admin, application, candidate, candidate_profile, clock, deleted_job,
    employer, employer_profile, job, new_document, now, other_employer, owned, page, page_of, parties, past_the_end,
    plan, store, stored_document,
};
use crate::mocks::{MockStore, MockUnitOfWork};
use crate::{Access, NewNotification, Notification, Once};

fn wire(uow: MockUnitOfWork) -> (Applications, Arc<MockStore>) {
    let store = store(uow);
    (Applications::new(store.clone(), clock()), store)
}

fn form() -> ApplicationForm {
    ApplicationForm { expected_salary: Money::parse("75000").ok(), ..ApplicationForm::default() }
}

fn request() -> ApplyForJob {
    ApplyForJob {
        job_id: job().id,
        job: Some(job().id.0),
        candidate: Some(CANDIDATE.0),
        form: form(),
        resume: Some(new_document(DocumentKind::Resume)),
        is_believed_repeated: false,
    }
}

fn resume() -> StoredDocument {
    stored_document(4, DocumentKind::Resume, CANDIDATE_USER)
}

/// The candidate, who has not applied yet, and `job`.
fn with_job(job: Job) -> MockUnitOfWork {
    let mut uow = MockUnitOfWork::default();
    uow.candidates.expect_id_of_user().with(eq(CANDIDATE_USER)).returning(|_| Ok(Some(CANDIDATE)));
    uow.jobs.expect_find().with(eq(job.id)).returning(move |_| Ok(Some(owned(job.clone()))));
    uow.applications.expect_exists().with(eq(self::job().id), eq(CANDIDATE)).returning(|_, _| Ok(false));
    uow
}

/// As [`with_job`], up to a stored application that still has to find its place in the quota of `limit`.
fn stored(limit: u32, used: Option<u32>) -> MockUnitOfWork {
    let mut uow = with_job(job());
    uow.documents.expect_insert().returning(|_, _, _| Ok(resume()));
    uow.applications.expect_insert().returning(|_| Ok(Some(application().id)));
    uow.usage
        .expect_take_application()
        .once()
        .with(eq(CANDIDATE_USER), eq(now().date_naive()), eq(limit))
        .returning(move |_, _, _| Ok(used));
    uow
}

/// From the fixtures' now on.
const UNTIL_MIDNIGHT: Duration = Duration::from_secs(90 * 60);

fn applications_a_day(quota: u32) -> RatePolicy {
    RatePolicy { name: "applications", quota, window: Duration::from_secs(86_400) }
}

fn plan_of(name: PlanName, limit: u32) -> Plan {
    let mut plan = plan(1, name);
    plan.terms.max_job_applications_per_day = limit;
    plan
}

/// No active subscription, and a free plan that allows `limit` applications a day.
fn expect_free_plan(uow: &mut MockUnitOfWork, limit: u32) {
    uow.subscriptions.expect_active().with(eq(CANDIDATE_USER)).returning(|_| Ok(None));
    uow.plans.expect_find_by_name().with(eq(PlanName::Free)).returning(move |name| Ok(Some(plan_of(name, limit))));
}

#[test]
fn an_application_is_stored_counted_and_told_to_the_employer() {
    let (mut uow, mut order) = (with_job(job()), Sequence::new());
    uow.documents
        .expect_insert()
        .once()
        .in_sequence(&mut order)
        .with(eq(CANDIDATE_USER), eq(new_document(DocumentKind::Resume)), eq(now()))
        .returning(|_, _, _| Ok(resume()));
    let stored = NewApplication {
        job_id: job().id,
        candidate_id: CANDIDATE,
        form: form(),
        resume: Some(resume().id),
        applied_at: now(),
    };
    uow.applications
        .expect_insert()
        .once()
        .in_sequence(&mut order)
        .with(eq(stored))
        .returning(|_| Ok(Some(application().id)));
    uow.usage
        .expect_take_application()
        .once()
        .in_sequence(&mut order)
        .with(eq(CANDIDATE_USER), eq(now().date_naive()), eq(3))
        .returning(|_, _, _| Ok(Some(1)));
    expect_free_plan(&mut uow, 3);
    uow.applications.expect_parties().with(eq(application().id)).returning(|_| Ok(Some(parties())));
    let mail = NewNotification {
        recipient: parties().employer_email,
        content: Notification::ApplicationReceived {
            application_id: application().id.0,
            job_id: job().id.0,
            job_title: "Engineer".to_owned(),
            candidate_name: Some("Ann".to_owned()),
        },
        created_at: now(),
    };
    uow.outbox.expect_enqueue().once().in_sequence(&mut order).with(eq(mail)).returning(|_| Ok(NotificationId(1)));
    let (applications, store) = wire(uow);

    let sent = applications.submit(&candidate(), &request(), Once::unkeyed()).unwrap();
    let expected =
        JobApplication { form: form(), resume: Some(resume()), applied_at: now(), updated_at: now(), ..application() };
    let allowance = Allowance { policy: applications_a_day(3), remaining: 2, reset_after: UNTIL_MIDNIGHT };
    assert_eq!(sent, Submission::Sent(Box::new(expected), allowance));
    assert_eq!(store.transactions(), [(Access::Write, true)]);
}

#[test]
fn applying_is_for_candidates_who_act_for_themselves() {
    let submit = |actor: &Actor, request: &ApplyForJob| wire(with_job(job())).0.submit(actor, request, Once::unkeyed());
    assert!(matches!(submit(&employer(), &request()), Err(Error::Forbidden(_))));
    assert!(matches!(submit(&admin(), &request()), Err(Error::Forbidden(_))));
    let another_job = ApplyForJob { job: Some(job().id.0 + 1), ..request() };
    assert!(matches!(submit(&candidate(), &another_job), Err(Error::Forbidden(_))));
    // The id of one's account is not that of one's profile.
    let another_candidate = ApplyForJob { candidate: Some(CANDIDATE_USER.0), ..request() };
    assert!(matches!(submit(&candidate(), &another_candidate), Err(Error::Forbidden(_))));
}

#[test]
fn a_candidate_without_a_profile_does_not_apply() {
    let mut uow = MockUnitOfWork::default();
    uow.candidates.expect_id_of_user().returning(|_| Ok(None));
    assert!(matches!(wire(uow).0.submit(&candidate(), &request(), Once::unkeyed()), Err(Error::NotFound(_))));
}

#[test]
fn a_job_that_is_unknown_closed_or_deleted_takes_no_application() {
    let mut unknown = MockUnitOfWork::default();
    unknown.candidates.expect_id_of_user().returning(|_| Ok(Some(CANDIDATE)));
    unknown.jobs.expect_find().returning(|_| Ok(None));
    assert!(matches!(wire(unknown).0.submit(&candidate(), &request(), Once::unkeyed()), Err(Error::NotFound(_))));

    // A draft is not the candidate's to know of.
    let draft = Job { status: JobStatus::Draft, ..job() };
    assert!(matches!(
        wire(with_job(draft)).0.submit(&candidate(), &request(), Once::unkeyed()),
        Err(Error::NotFound(_))
    ));

    let mut expired = job();
    expired.posting.deadline = now();
    let [paused, closed] = [JobStatus::Paused, JobStatus::Filled].map(|status| Job { status, ..job() });
    for job in [expired, paused, closed, deleted_job()] {
        let (applications, store) = wire(with_job(job));
        assert!(matches!(applications.submit(&candidate(), &request(), Once::unkeyed()), Err(Error::Conflict(_))));
        assert_eq!(store.transactions(), [(Access::Write, false)]);
    }
}

#[test]
fn applying_again_changes_nothing_even_after_the_deadline() {
    let mut closed = job();
    closed.posting.deadline = now();
    for job in [job(), closed] {
        let mut uow = with_job(job);
        uow.applications = crate::mocks::MockApplicationRepository::new();
        uow.applications.expect_exists().returning(|_, _| Ok(true));
        assert_eq!(wire(uow).0.submit(&candidate(), &request(), Once::unkeyed()).unwrap(), Submission::AlreadyApplied);
    }
}

#[test]
fn the_second_of_two_that_apply_at_once_takes_no_quota_and_leaves_no_resume_behind() {
    let mut uow = with_job(job());
    expect_free_plan(&mut uow, 3);
    uow.documents.expect_insert().once().returning(|_, _, _| Ok(resume()));
    uow.applications.expect_insert().once().returning(|_| Ok(None));
    uow.documents.expect_delete_unused().once().with(eq(resume().id)).returning(|_| Ok(true));
    uow.usage.expect_take_application().never();
    uow.outbox.expect_enqueue().never();
    assert_eq!(wire(uow).0.submit(&candidate(), &request(), Once::unkeyed()).unwrap(), Submission::AlreadyApplied);
}

#[test]
fn over_the_quota_the_application_is_undone_until_midnight_utc() {
    let mut uow = stored(3, None);
    expect_free_plan(&mut uow, 3);
    uow.outbox.expect_enqueue().never();
    let (applications, store) = wire(uow);
    let Err(Error::LimitReached { policy, message, retry_after }) =
        applications.submit(&candidate(), &request(), Once::unkeyed())
    else {
        panic!("the quota was not kept");
    };
    assert_eq!((policy, message), (applications_a_day(3), QuotaExceeded { limit: 3 }.to_string()));
    assert_eq!(retry_after, UNTIL_MIDNIGHT);
    assert_eq!(store.transactions(), [(Access::Write, false)]);
}

#[test]
fn the_quota_is_that_of_the_active_plan_while_it_entitles() {
    let subscribed = |ends_in: i64, auto_renew, limit| {
        let mut uow = stored(limit, Some(1));
        let terms = plan_of(PlanName::Premium, 50).terms;
        let started = now() - TimeDelta::days(30) + TimeDelta::minutes(ends_in);
        let mut subscription = Subscription::start(CANDIDATE_USER, plan(2, terms.name).id, terms.duration, started);
        subscription.auto_renew = auto_renew;
        uow.subscriptions.expect_active().returning(move |_| Ok(Some((subscription.clone(), terms.clone()))));
        uow.plans.expect_find_by_name().returning(|name| Ok(Some(plan_of(name, 2))));
        uow.applications.expect_parties().returning(|_| Ok(None));
        let sent = wire(uow).0.submit(&candidate(), &request(), Once::unkeyed()).unwrap();
        let Submission::Sent(_, allowance) = sent else { panic!("{sent:?}") };
        assert_eq!((allowance.policy.quota, allowance.remaining), (limit, limit - 1));
    };
    subscribed(1, false, 50);
    // The period has ended: another one follows by itself, or the free plan holds.
    subscribed(0, true, 50);
    subscribed(0, false, 2);
}

#[test]
fn a_portal_without_a_free_plan_is_a_defect_and_no_allowance() {
    let mut uow = with_job(job());
    uow.documents.expect_insert().returning(|_, _, _| Ok(resume()));
    uow.applications.expect_insert().returning(|_| Ok(Some(application().id)));
    uow.subscriptions.expect_active().returning(|_| Ok(None));
    uow.plans.expect_find_by_name().returning(|_| Ok(None));
    let (applications, store) = wire(uow);
    assert!(matches!(applications.submit(&candidate(), &request(), Once::unkeyed()), Err(Error::Internal(_))));
    assert_eq!(store.transactions(), [(Access::Write, false)]);
}

#[test]
fn only_the_owner_sees_the_applications_to_a_job_deleted_or_not() {
    let of_job = |actor: &Actor, job: Job| {
        let mut uow = MockUnitOfWork::default();
        uow.jobs.expect_find().returning(move |_| Ok(Some(owned(job.clone()))));
        uow.applications.expect_list_state().returning(|_, _| Ok(Some(state(now()))));
        uow.applications.expect_list_by_job().returning(|_, _| {
            Ok(page_of(vec![ReceivedApplication { application: application(), candidate: candidate_profile() }]))
        });
        wire(uow).0.of_job(actor, self::job().id, page())
    };
    for job in [job(), deleted_job()] {
        let seen = of_job(&employer(), job.clone()).unwrap();
        assert_eq!((seen.value.job, seen.value.applications.total), (job, 1));
        assert_eq!((seen.stamp, seen.read_at), (Some(Stamp::new("as it is 1")), now()));
    }
    assert!(matches!(of_job(&other_employer(), job()), Err(Error::NotFound(_))));
    assert!(matches!(of_job(&candidate(), job()), Err(Error::Forbidden(_))));
    assert!(matches!(of_job(&admin(), job()), Err(Error::Forbidden(_))));
}

#[test]
fn who_is_believed_to_have_applied_is_looked_up_by_a_read_first() {
    let believed = ApplyForJob { is_believed_repeated: true, ..request() };
    for (has_applied, transactions) in [(true, vec![Access::Read]), (false, vec![Access::Read, Access::Write])] {
        let mut uow = MockUnitOfWork::default();
        uow.candidates.expect_id_of_user().returning(|_| Ok(Some(CANDIDATE)));
        uow.jobs.expect_find().returning(|_| Ok(Some(owned(job()))));
        uow.applications.expect_exists().returning(move |_, _| Ok(has_applied));
        uow.applications.expect_insert().returning(|_| Ok(None));
        expect_free_plan(&mut uow, 5);
        uow.documents.expect_insert().returning(|_, _, _| Ok(resume()));
        uow.documents.expect_delete_unused().returning(|_| Ok(true));
        let (applications, store) = wire(uow);
        let submission = applications.submit(&candidate(), &believed, Once::unkeyed());
        assert_eq!(submission.unwrap(), Submission::AlreadyApplied, "{has_applied}");
        let made: Vec<_> = store.transactions().into_iter().map(|(access, _)| access).collect();
        assert_eq!(made, transactions);
    }
}

fn state(deadline: DateTime<Utc>) -> ApplicationsState {
    ApplicationsState { job_owner: EMPLOYER_USER, deadline, text: "as it is".to_owned() }
}

#[test]
fn a_stamp_is_for_the_owner_of_the_job_alone_and_another_one_after_its_deadline() {
    let second = TimeDelta::seconds(1);
    for (deadline, text) in [(now() + second, "as it is 0"), (now(), "as it is 1"), (now() - second, "as it is 1")] {
        let mut uow = MockUnitOfWork::default();
        uow.applications.expect_list_state().returning(move |_, _| Ok(Some(state(deadline))));
        uow.applications.expect_details_state().returning(move |_| Ok(Some(state(deadline))));
        let (applications, store) = wire(uow);
        let stamps = |actor: &Actor| {
            let of_job = applications.of_job_stamp(actor, job().id, page());
            [of_job, applications.details_stamp(actor, application().id)]
        };
        assert_eq!(stamps(&employer()).map(Result::unwrap), [(); 2].map(|()| Some(Stamp::new(text))));
        assert_eq!(stamps(&other_employer()).map(Result::unwrap), [None, None]);
        assert_eq!(store.transactions(), [(Access::Statement, true); 4]);
        for other in [candidate(), admin()] {
            assert!(stamps(&other).iter().all(|stamp| matches!(stamp, Err(Error::Forbidden(_)))));
        }
    }
}

#[test]
fn a_job_or_page_of_applications_that_is_not_there_is_not_found() {
    let mut uow = MockUnitOfWork::default();
    uow.jobs.expect_find().once().returning(|_| Ok(None));
    uow.jobs.expect_find().returning(|_| Ok(Some(owned(job()))));
    uow.applications.expect_list_state().returning(|_, _| Ok(None));
    uow.applications.expect_list_by_job().returning(|_, _| Ok(past_the_end()));
    let (applications, _) = wire(uow);
    assert!(matches!(applications.of_job(&employer(), JobId(404), page()), Err(Error::NotFound("Job not found."))));
    let past = applications.of_job(&employer(), job().id, page());
    assert!(matches!(past, Err(Error::NotFound("Invalid page."))));
}

#[test]
fn candidates_list_their_own_applications() {
    let mut uow = MockUnitOfWork::default();
    uow.applications
        .expect_list_by_candidate()
        .once()
        .with(eq(CANDIDATE_USER), always())
        .returning(|_, _| Ok(page_of(vec![application()])));
    uow.applications.expect_list_by_candidate().returning(|_, _| Ok(past_the_end()));
    let (applications, _) = wire(uow);
    assert_eq!(applications.own(&candidate(), page()).unwrap().items, [application()]);
    assert!(matches!(applications.own(&candidate(), page()), Err(Error::NotFound("Invalid page."))));
    assert!(matches!(applications.own(&employer(), page()), Err(Error::Forbidden(_))));
}

#[test]
fn only_the_owner_of_the_job_sees_an_application() {
    let details = || ApplicationDetails {
        application: application(),
        job: JobWithEmployer { job: job(), employer: employer_profile() },
        candidate: candidate_profile(),
    };
    let seen = |actor: &Actor, id| {
        let mut uow = MockUnitOfWork::default();
        uow.applications.expect_details().with(eq(application().id)).returning(move |_| Ok(Some(details())));
        uow.applications.expect_details().returning(|_| Ok(None));
        uow.applications.expect_details_state().returning(|_| Ok(None));
        wire(uow).0.details(actor, id)
    };
    assert_eq!(seen(&employer(), application().id).unwrap().value, details());
    assert!(matches!(seen(&other_employer(), application().id), Err(Error::NotFound(_))));
    assert!(matches!(seen(&employer(), ApplicationId(404)), Err(Error::NotFound(_))));
    assert!(matches!(seen(&candidate(), application().id), Err(Error::Forbidden(_))));
}

/// The application, to a job of the employer.
fn with_application() -> MockUnitOfWork {
    let mut uow = MockUnitOfWork::default();
    uow.applications
        .expect_lock()
        .with(eq(application().id))
        .returning(|_| Ok(Some(OwnedApplication { application: application(), job_owner: employer().user_id })));
    uow.applications.expect_lock().returning(|_| Ok(None));
    uow
}

#[test]
fn the_candidate_is_told_once_when_an_application_is_moved() {
    let mut uow = with_application();
    let moved =
        JobApplication { status: ApplicationStatus::Offered, updated_at: now(), version: Version(2), ..application() };
    uow.applications.expect_update_status().once().with(eq(moved.clone())).returning(|_| Ok(()));
    uow.applications.expect_parties().with(eq(application().id)).returning(|_| Ok(Some(parties())));
    let mail = NewNotification {
        recipient: parties().candidate_email,
        content: Notification::ApplicationStatusChanged {
            application_id: application().id.0,
            job_title: "Engineer".to_owned(),
            company_name: "ACME".to_owned(),
            status: "offered".to_owned(),
        },
        created_at: now(),
    };
    uow.outbox.expect_enqueue().once().with(eq(mail)).returning(|_| Ok(NotificationId(1)));
    let (applications, store) = wire(uow);
    let status = ApplicationStatus::Offered;
    assert_eq!(applications.move_to(&employer(), application().id, status, &Precondition::None).unwrap(), moved);
    assert_eq!(store.transactions(), [(Access::Write, true)]);
}

#[test]
fn a_move_to_where_it_is_changes_and_tells_nothing() {
    let mut uow = with_application();
    uow.applications.expect_update_status().never();
    uow.outbox.expect_enqueue().never();
    let unchanged = wire(uow).0.move_to(&employer(), application().id, application().status, &Precondition::None);
    assert_eq!(unchanged.unwrap(), application());
}

#[test]
fn only_the_owner_of_the_job_moves_an_application() {
    let stale = Precondition::OneOf(Vec::new());
    let moved = |actor: &Actor, id| wire(with_application()).0.move_to(actor, id, ApplicationStatus::Rejected, &stale);
    assert!(matches!(moved(&other_employer(), application().id), Err(Error::NotFound(_))));
    assert!(matches!(moved(&employer(), ApplicationId(404)), Err(Error::NotFound(_))));
    assert!(matches!(moved(&candidate(), application().id), Err(Error::Forbidden(_))));
}

#[test]
fn an_application_that_was_moved_meanwhile_stays_where_it_is() {
    let stale = Precondition::OneOf(vec![Version(2)]);
    let (applications, store) = wire(with_application());
    for status in [ApplicationStatus::Rejected, application().status] {
        let moved = applications.move_to(&employer(), application().id, status, &stale);
        assert!(matches!(moved, Err(Error::PreconditionFailed)));
    }
    assert_eq!(store.transactions(), [(Access::Write, false); 2]);
}
