//! No query reads a whole table, and no list takes more statements the longer it is.
//!
//! Searches have more to choose from: `plans.rs`.

use std::fmt::Write as _;

use chrono::{DateTime, TimeDelta, Utc};
use jobportal_application::{
    DeliveryAttempt, DeliveryClaim, DeliveryStatus, Error, FailedDelivery, MailPriority, NewNotification, Notification,
    OutboxFilter, PageRequest, Position, RepositoryError, RequestKey, Requeue, SeedApplication, SeedCandidate,
    SeedEmployer, SeedJob, SeedUser, SliceRequest, Store, UnitOfWork,
};
use jobportal_domain::{
    ApplicationForm, ApplicationId, ApplicationStatus, CandidateId, Client, CodePolicy, CodePurpose, DocumentId,
    DocumentKind, EmployerDetails, EmployerId, JobId, JobState, NotificationId, OneTimeCode, PersonalDetails,
    PhoneNumber, PlanName, ProfessionalDetails, SecondFactor, Section, Session, Subscription, UserId, UserType,
    Version,
};
use jobportal_tests::database::{TestDatabase, statements};

use crate::fixtures::{after, document, email, new_application, new_user, now, page, posting, text};

on_both![no_query_reads_a_whole_table_and_no_list_takes_more_statements_the_longer_it_is];

/// How many rows of most kinds there are.
const ROWS: u32 = 1_000;

/// Tables that stay small whatever the portal grows to.
const SMALL: [&str; 3] = ["plans", "schedule", "change_feeds"];

type Work = Box<dyn Fn(&mut dyn UnitOfWork) -> Result<(), RepositoryError>>;

/// What a repository does, by name.
struct Case {
    name: &'static str,
    work: Work,
}

fn case<T>(name: &'static str, work: impl Fn(&mut dyn UnitOfWork) -> Result<T, RepositoryError> + 'static) -> Case {
    Case { name, work: Box::new(move |uow| work(uow).map(|_| ())) }
}

impl Case {
    /// The statements of the work, which is undone.
    fn statements(&self, store: &dyn Store) -> Vec<String> {
        let run = || {
            let undone: Result<(), Error> = store.write(|uow| {
                let outcome = (self.work)(uow);
                outcome.map_err(|error| panic!("{}: {error:?}", self.name)).and(Err(Error::NotFound("undone")))
            });
            assert!(undone.is_err());
        };
        let mut all = statements(run);
        all.retain(|sql| !["BEGIN", "ROLLBACK"].iter().any(|start| sql.starts_with(start)));
        all
    }
}

/// The steps of a plan that read a whole table, or a whole index for other things than the first rows of an order.
fn whole_reads(db: &TestDatabase, sql: &str) -> Vec<String> {
    let plan: Vec<_> = db.plan(sql).iter().map(|step| step.trim_start_matches([' ', '-', '>']).to_owned()).collect();
    let is_large = |table: &str| !SMALL.contains(&table.split(' ').next().unwrap_or_default());
    let is_sorted = plan.iter().any(|step| step.contains("USE TEMP B-TREE FOR ORDER BY"));
    let is_first_rows = sql.contains("LIMIT") && !is_sorted;
    let is_whole = |(position, step): (usize, &String)| {
        if let Some(table) = step.strip_prefix("SCAN ") {
            let is_given = table.starts_with("CONSTANT ROW") || table.ends_with("VALUES CLAUSE");
            return is_large(table) && !is_first_rows && !is_given;
        }
        if let Some((_, table)) = step.split_once("Seq Scan on ") {
            return is_large(table);
        }
        let index_scan = step.split_once(" on ").filter(|(scan, _)| scan.starts_with("Index "));
        let is_narrowed = plan.get(position + 1).is_some_and(|detail| detail.starts_with("Index Cond:"));
        index_scan.is_some_and(|(_, table)| is_large(table) && !is_narrowed && !is_first_rows)
    };
    plan.iter().enumerate().filter(|step| is_whole(*step)).map(|(_, step)| step.clone()).collect()
}

/// A portal with some thousand rows of each kind.
struct World {
    owner: UserId,
    employer: EmployerId,
    user: UserId,
    candidate: CandidateId,
    job: JobId,
    document: DocumentId,
}

fn minutes(number: u32) -> DateTime<Utc> {
    now() - TimeDelta::minutes(number.into())
}

fn key(number: u32) -> RequestKey {
    RequestKey { caller: "user:1".to_owned(), key: number.to_string(), fingerprint: String::new() }
}

fn delivery_claim() -> DeliveryClaim {
    let (owner, priority) = ("worker".to_owned(), MailPriority::Urgent);
    DeliveryClaim { owner, priority, limit: 10, now: now(), until: after(10) }
}

fn delivery_attempt() -> DeliveryAttempt {
    DeliveryAttempt { id: NotificationId(2), number: 1 }
}

fn session(number: u32, user_id: UserId) -> Session {
    let (id, at) = (format!("session-{number}"), minutes(number));
    let client = Client::default();
    Session { id, user_id, client, created_at: at, last_used_at: at, expires_at: at }
}

fn subscription(user_id: UserId, uow: &mut dyn UnitOfWork) -> Result<Subscription, RepositoryError> {
    let plan = uow.plans().find_by_name(PlanName::Basic)?.unwrap();
    Ok(Subscription::start(user_id, plan.id, plan.terms.duration, now()))
}

fn populate(store: &dyn Store) -> World {
    let users: Vec<_> = (0..2 * ROWS)
        .map(|number| {
            let user_type = if number < ROWS { UserType::Employer } else { UserType::Candidate };
            let new = new_user(number, user_type);
            let (email, phone_number, password_hash) = (new.email, new.phone_number, new.password_hash);
            SeedUser { email, phone_number, user_type, password_hash, created_at: minutes(number) }
        })
        .collect();
    let world = store.write(|uow| {
        let users = uow.bulk().insert_users(&users)?;
        let (owners, applicants) = users.split_at(ROWS as usize);
        let company = EmployerDetails { company_name: Some(text("ACME")), ..EmployerDetails::default() };
        let employers: Vec<_> = owners
            .iter()
            .map(|user_id| SeedEmployer { user_id: *user_id, details: company.clone(), created_at: now() })
            .collect();
        let employers = uow.bulk().insert_employers(&employers)?;
        let mut professional = ProfessionalDetails::default();
        professional.set(Section::Skills, vec![text("SQL")]).unwrap();
        let personal = PersonalDetails { first_name: Some(text("Ann")), ..PersonalDetails::default() };
        let candidates: Vec<_> = applicants
            .iter()
            .map(|user_id| SeedCandidate {
                user_id: *user_id,
                personal: personal.clone(),
                professional: professional.clone(),
                created_at: now(),
            })
            .collect();
        let candidates = uow.bulk().insert_candidates(&candidates)?;
        let seeds: Vec<_> = (0..4 * ROWS)
            .map(|number| {
                let employer_id = employers[(number % ROWS) as usize];
                let mut posting = posting(&format!("Engineer {number}"));
                posting.deadline = after(i64::from(number) * 60);
                SeedJob { employer_id, posting, posted_at: minutes(number) }
            })
            .collect();
        let jobs = uow.bulk().insert_jobs(&seeds)?;
        let seeds: Vec<_> = (0..4 * ROWS)
            .map(|number| SeedApplication {
                job_id: jobs[if number < 100 { 0 } else { number as usize }],
                candidate_id: candidates[(number % ROWS) as usize],
                form: ApplicationForm { cover_letter: None, expected_salary: None, notice_period: None },
                status: ApplicationStatus::Applied,
                applied_at: minutes(number),
            })
            .collect();
        uow.bulk().insert_applications(&seeds)?;
        let mut picture = None;
        for (number, user) in (0..).zip(applicants) {
            let stored =
                uow.documents().insert(*user, &document(DocumentKind::Resume, &format!("d{number}")), now())?;
            picture.get_or_insert(stored.id);
            let digest = format!("digest-{number}");
            uow.sessions().insert(&session(number, *user), &digest, 10)?;
            uow.sessions().end(&[format!("ended-{number}")], minutes(number))?;
            uow.networks().remember(*user, &digest, minutes(number), 10)?;
            let policy = CodePolicy::default();
            uow.codes().replace(&OneTimeCode::issue(
                *user,
                CodePurpose::PasswordReset,
                String::new(),
                digest,
                policy,
                minutes(number),
            ))?;
            uow.second_factors().replace(&SecondFactor::enrol(*user, String::new(), now()))?;
            uow.second_factors().replace_recovery_codes(*user, &["a".to_owned(), "b".to_owned()])?;
            uow.usage().take_application(*user, minutes(number).date_naive(), 10)?;
            let mut subscription = subscription(*user, uow)?;
            subscription.period_ends_at = Some(after(i64::from(number) * 60));
            uow.subscriptions().insert(&subscription)?;
            uow.receipts().insert(&key(number), "sealed", minutes(number), minutes(number))?;
            let recipient = email(&format!("user{number}@example.com"));
            let created_at = minutes(number);
            let content = Notification::PasswordChanged;
            uow.outbox().enqueue(&NewNotification { recipient, content, created_at })?;
            let (recipient, content) =
                (email("a@example.com"), Notification::SubscriptionExpired { plan: String::new() });
            uow.outbox().enqueue(&NewNotification { recipient, content, created_at })?;
            if number % 3 == 0 {
                let claimed = uow.outbox().claim(&DeliveryClaim { limit: 1, ..delivery_claim() })?;
                let sent: Vec<_> =
                    claimed.iter().map(|mail| DeliveryAttempt { id: mail.id, number: mail.attempt }).collect();
                uow.outbox().mark_sent("worker", &sent, created_at)?;
            }
        }
        Ok(World {
            owner: owners[0],
            employer: employers[0],
            user: applicants[0],
            candidate: candidates[0],
            job: jobs[0],
            document: picture.unwrap(),
        })
    });
    store.write(|uow| Ok(uow.bulk().analyze()?)).unwrap();
    world.unwrap()
}

/// Everything that goes by a key, a condition or an order.
#[expect(clippy::too_many_lines, reason = "it is a list")]
fn cases(world: &World) -> Vec<Case> {
    let &World { owner, employer, user, candidate, job, document } = world;
    let application = ApplicationId(1);
    vec![
        case("users: find", move |uow| uow.users().find(user)),
        case("users: find by address", |uow| uow.users().find_by_email(&email("user7@example.com"))),
        case("users: find by number", |uow| {
            uow.users().find_by_phone_number(&PhoneNumber::parse("01700000007").unwrap())
        }),
        case("users: lock", move |uow| uow.users().lock(user)),
        case("users: verify", move |uow| uow.users().mark_verified(user, now())),
        case("users: set password", move |uow| {
            uow.users().set_password(user, &new_user(1, UserType::Candidate).password_hash, now())
        }),
        case("users: set address", move |uow| uow.users().set_email(user, &email("other@example.com"), now())),
        case("users: set number", move |uow| {
            uow.users().set_phone_number(user, &PhoneNumber::parse("01999999999").unwrap(), now())
        }),
        case("users: deactivate", move |uow| uow.users().set_deactivated(user, Some(now()), now())),
        case("users: summary", move |uow| uow.users().summary(user)),
        case("users: applicants", move |uow| uow.users().applicants_among(owner, &[user, owner])),
        case("users: purge", |uow| uow.users().purge_unverified(minutes(2 * ROWS))),
        case("codes: replace", move |uow| {
            let (target, digest) = (String::new(), String::new());
            uow.codes().replace(&OneTimeCode::issue(
                user,
                CodePurpose::PasswordReset,
                target,
                digest,
                CodePolicy::default(),
                now(),
            ))
        }),
        case("codes: lock", move |uow| uow.codes().lock(user, CodePurpose::PasswordReset)),
        case("codes: update", move |uow| {
            let code = uow.codes().lock(user, CodePurpose::PasswordReset)?.unwrap();
            uow.codes().update(&code)
        }),
        case("codes: purge", |uow| uow.codes().purge(minutes(ROWS - 10))),
        case("second factors: find", move |uow| uow.second_factors().find(user)),
        case("second factors: lock", move |uow| uow.second_factors().lock(user)),
        case("second factors: replace", move |uow| {
            uow.second_factors().replace(&SecondFactor::enrol(user, String::new(), now()))
        }),
        case("second factors: use code", move |uow| uow.second_factors().use_recovery_code(user, "a")),
        case("second factors: count codes", move |uow| uow.second_factors().count_recovery_codes(user)),
        case("second factors: replace codes", move |uow| {
            uow.second_factors().replace_recovery_codes(user, &["c".to_owned()])
        }),
        case("second factors: delete", move |uow| uow.second_factors().delete(user)),
        case("sessions: insert", move |uow| uow.sessions().insert(&session(ROWS, user), "digest", 3)),
        case("sessions: find", |uow| uow.sessions().find("session-7")),
        case("sessions: lock", |uow| uow.sessions().lock("session-7")),
        case("sessions: list", move |uow| uow.sessions().list(user, minutes(ROWS))),
        case("sessions: renew", move |uow| uow.sessions().renew(&session(0, user), "digest")),
        case("sessions: end", |uow| uow.sessions().end(&["session-7".to_owned()], now())),
        case("sessions: end of user", move |uow| uow.sessions().end_of_user(user, None, now())),
        case("sessions: ended", |uow| uow.sessions().ended_after(Position::before(minutes(9)), 10)),
        case("sessions: purge", |uow| uow.sessions().purge(minutes(ROWS - 10))),
        case("sessions: purge ended", |uow| uow.sessions().purge_ended(minutes(ROWS - 10))),
        case("networks: remember", move |uow| uow.networks().remember(user, "digest", now(), 3)),
        case("networks: is known", move |uow| uow.networks().is_known(user, "digest-7")),
        case("networks: purge", |uow| uow.networks().purge(minutes(ROWS - 10))),
        case("candidates: find", move |uow| uow.candidates().find(candidate)),
        case("candidates: find by user", move |uow| uow.candidates().find_by_user(user)),
        case("candidates: id of user", move |uow| uow.candidates().id_of_user(user)),
        case("candidates: update", move |uow| {
            uow.candidates().update_personal(candidate, &PersonalDetails::default(), Some(document), Version(2), now())
        }),
        case("candidates: save professional", move |uow| {
            let none = ProfessionalDetails::default();
            uow.candidates().save_professional(candidate, &none, Some(document), Version(2), now())
        }),
        case("employers: find", move |uow| uow.employers().find(employer)),
        case("employers: find by user", move |uow| uow.employers().find_by_user(owner)),
        case("employers: update", move |uow| {
            uow.employers().update(employer, &EmployerDetails::default(), Some(document), Version(2), now())
        }),
        case("documents: find", |uow| uow.documents().find("d7")),
        case("documents: owner applied", move |uow| uow.documents().owner_applied_to(user, owner)),
        case("documents: known", |uow| uow.documents().known(&["d7".to_owned(), "x".to_owned()])),
        case("documents: delete unused", move |uow| uow.documents().delete_unused(document)),
        case("jobs: find", move |uow| uow.jobs().find(job)),
        case("jobs: lock", move |uow| uow.jobs().lock(job)),
        case("jobs: details", move |uow| uow.jobs().details(job)),
        case("jobs: update", move |uow| {
            let mut job = uow.jobs().find(job)?.unwrap().job;
            job.delete(now()).unwrap();
            uow.jobs().update(&job)
        }),
        case("jobs: of owner", move |uow| uow.jobs().list_by_owner(owner, &[], now(), page(1, 2))),
        case("jobs: of owner in a state", move |uow| {
            uow.jobs().list_by_owner(owner, &[JobState::Published, JobState::Expired], now(), page(1, 2))
        }),
        case("jobs: close due", |uow| uow.jobs().close_due(after(600), 10)),
        case("applications: insert", move |uow| {
            uow.applications().insert(&new_application(JobId(job.0 + 1), candidate))
        }),
        case("applications: exists", move |uow| uow.applications().exists(job, candidate)),
        case("applications: lock", move |uow| uow.applications().lock(application)),
        case("applications: update", move |uow| {
            let application = uow.applications().lock(application)?.unwrap().application;
            uow.applications().update_status(&application)
        }),
        case("applications: details", move |uow| uow.applications().details(application)),
        case("applications: state of one", move |uow| uow.applications().details_state(application)),
        case("applications: state of those of job", move |uow| uow.applications().list_state(job, page(1, 1))),
        case("applications: of job", move |uow| uow.applications().list_by_job(job, page(1, 1))),
        case("applications: of candidate", move |uow| uow.applications().list_by_candidate(user, page(1, 1))),
        case("applications: parties", move |uow| uow.applications().parties(application)),
        case("changes: jobs", |uow| {
            uow.changes().jobs(SliceRequest::new(Position { time: minutes(9), id: 0 }, 10).unwrap(), now())
        }),
        case("changes: applications", move |uow| {
            uow.changes().applications(owner, SliceRequest::new(Position::default(), 10).unwrap())
        }),
        case("plans: delete", |uow| {
            let plan = uow.plans().find_by_name(PlanName::Enterprise)?.unwrap();
            uow.plans().delete(plan.id)
        }),
        case("subscriptions: active", move |uow| uow.subscriptions().active(user)),
        case("subscriptions: lock", move |uow| uow.subscriptions().lock_active(user)),
        case("subscriptions: update", move |uow| {
            let subscription = uow.subscriptions().lock_active(user)?.unwrap();
            uow.subscriptions().update(&subscription)
        }),
        case("subscriptions: due", |uow| uow.subscriptions().due(after(600), 10)),
        case("usage: read", move |uow| uow.usage().applications(user, now().date_naive())),
        case("usage: take", move |uow| uow.usage().take_application(user, now().date_naive(), 10)),
        case("usage: purge", |uow| uow.usage().purge(minutes(10 * ROWS).date_naive())),
        case("outbox: claim", |uow| uow.outbox().claim(&delivery_claim())),
        case("outbox: claim what is held up", |uow| {
            uow.outbox().claim(&DeliveryClaim { priority: MailPriority::Bulk, ..delivery_claim() })
        }),
        case("outbox: sent", |uow| uow.outbox().mark_sent("worker", &[delivery_attempt()], now())),
        case("outbox: failed", |uow| {
            let (attempt, error) = (delivery_attempt(), "no".to_owned());
            uow.outbox().mark_failed("worker", &FailedDelivery { attempt, error, next_attempt_at: None }, now())
        }),
        case("outbox: release", |uow| uow.outbox().release("worker", &[delivery_attempt()], None, now())),
        case("outbox: find", |uow| uow.outbox().find(NotificationId(2))),
        case("outbox: list", |uow| {
            uow.outbox().list(&OutboxFilter { status: Some(DeliveryStatus::Dead), kind: None }, page(1, 10))
        }),
        case("outbox: list a kind", |uow| {
            uow.outbox().list(&OutboxFilter { status: None, kind: Some("welcome".to_owned()) }, page(1, 10))
        }),
        case("outbox: requeue", |uow| uow.outbox().requeue(Requeue::AllDead, now())),
        case("outbox: requeue one", |uow| uow.outbox().requeue(Requeue::One(NotificationId(2)), now())),
        case("outbox: purge", |uow| uow.outbox().purge(minutes(ROWS - 10), 100)),
        case("receipts: claim", |uow| uow.receipts().claim(&key(7))),
        case("receipts: find", |uow| uow.receipts().find(&key(7), minutes(ROWS))),
        case("receipts: insert", |uow| uow.receipts().insert(&key(7), "sealed", now(), minutes(1))),
        case("receipts: purge", |uow| uow.receipts().purge(minutes(ROWS - 10), 100)),
    ]
}

type List = Box<dyn Fn(&mut dyn UnitOfWork, u32) -> Result<(), RepositoryError>>;

fn list<T>(
    name: &'static str,
    work: impl Fn(&mut dyn UnitOfWork, PageRequest) -> Result<T, RepositoryError> + 'static,
) -> (&'static str, List) {
    (name, Box::new(move |uow, size| work(uow, page(1, size)).map(|_| ())))
}

/// Lists of all there is. Their totals are exact, so they count all rows; their pages go by an order.
fn whole_lists() -> Vec<(&'static str, List)> {
    vec![
        list("users", |uow, page| uow.users().list(page)),
        list("candidates", |uow, page| uow.candidates().list(page)),
        list("employers", |uow, page| uow.employers().list(page)),
        list("outbox", |uow, page| uow.outbox().list(&OutboxFilter::default(), page)),
        list("backlog", |uow, _| uow.outbox().backlog()),
    ]
}

/// Lists of what belongs to something.
fn lists(world: &World) -> Vec<(&'static str, List)> {
    let &World { owner, user, job, .. } = world;
    vec![
        list("jobs of an owner", move |uow, page| uow.jobs().list_by_owner(owner, &[], now(), page)),
        list("applications to a job", move |uow, page| uow.applications().list_by_job(job, page)),
        list("applications of a candidate", move |uow, page| uow.applications().list_by_candidate(user, page)),
        list("changes of jobs", |uow, page| {
            uow.changes().jobs(SliceRequest::new(Position::default(), page.size()).unwrap(), now())
        }),
        list("changes of applications", move |uow, page| {
            uow.changes().applications(owner, SliceRequest::new(Position::default(), page.size()).unwrap())
        }),
    ]
}

fn sized((name, list): (&'static str, List), size: u32) -> Case {
    case(name, move |uow| list(uow, size))
}

fn no_query_reads_a_whole_table_and_no_list_takes_more_statements_the_longer_it_is(db: &TestDatabase) {
    // Tells of stores that are opened from now on.
    statements(|| ());
    let store = &db.open(1) as &dyn Store;
    let world = populate(store);
    let mut complaints = String::new();
    let mut seen = 0;
    let pages = lists(&world).into_iter().map(|list| (sized(list, 10), false));
    let pages = pages.chain(whole_lists().into_iter().map(|list| (sized(list, 10), true)));
    for (case, counts_all) in cases(&world).into_iter().map(|case| (case, false)).chain(pages) {
        for statement in case.statements(store) {
            seen += 1;
            if !(counts_all && statement.to_lowercase().starts_with("select count(*)")) {
                for read in whole_reads(db, &statement) {
                    writeln!(complaints, "{}: {read}\n  {statement}", case.name).unwrap();
                }
            }
        }
    }
    assert!(complaints.is_empty(), "these read whole tables:\n{complaints}");
    assert!(seen > 100, "{seen}");

    let all = || whole_lists().into_iter().chain(lists(&world));
    for (short, long) in all().zip(all()) {
        let name = short.0;
        let [short, long] = [sized(short, 2), sized(long, 100)].map(|case| case.statements(store).len());
        // A page that is not full is not followed by a count.
        assert!(long <= short && short <= 6, "{name}: {short} statements for 2 rows, {long} for 100");
    }
}
