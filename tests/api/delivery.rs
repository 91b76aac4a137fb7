//! Mail under faults: workers that are killed or told to end amid sending, several at once, and mail servers that fail.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use jobportal_application::{MailPriority, NewNotification, Notification, SealedCode};
use jobportal_domain::EmailAddress;
use jobportal_tests::database::{Backend, TestDatabase};
use jobportal_tests::process::{Program, Running};
use jobportal_tests::smtp::{Behaviour, ReceivedMail, SmtpSink};
use jobportal_tests::until;
use serde_json::json;

use crate::process::process_tests;

/// The most mails of a priority that a worker has in hand, unless the settings say otherwise.
const BATCH: usize = 32;

/// Writes mails into the outbox of a database, in turns to each of so many recipients.
fn enqueue(database: &TestDatabase, mails: usize, recipients: usize, content: &Notification<SealedCode>) {
    let created_at = chrono::DateTime::from_timestamp(1_700_000_000, 0).unwrap();
    let store = database.store();
    store
        .write(|uow| {
            for number in 0..mails {
                let recipient = EmailAddress::parse(&format!("user{}@example.com", number % recipients)).unwrap();
                let content = content.clone();
                uow.outbox().enqueue(&NewNotification { recipient, content, created_at })?;
            }
            Ok(())
        })
        .unwrap();
}

fn bulk() -> Notification<SealedCode> {
    let content = Notification::SubscriptionExpired { plan: "basic".to_owned() };
    assert_eq!(content.priority(), MailPriority::Bulk);
    content
}

/// A program whose database is ready, and whose mails go to the sink.
fn program(database: &TestDatabase, sink: &SmtpSink) -> Program {
    let program = Program::new(database.url(), &[("mail.url", sink.url()), ("mail.timeout", "2s")]);
    assert!(program.run(&["migrate", "up"]).success);
    program
}

/// How many mails have come so far.
fn count(database: &TestDatabase, status: &str) -> usize {
    database.values(&format!("SELECT id || '' AS value FROM outbox WHERE status = '{status}'")).len()
}

async fn until_all_are(database: &TestDatabase, status: &str) {
    let other = format!("SELECT id || '' AS value FROM outbox WHERE status <> '{status}'");
    until(&format!("all mails are {status}"), || database.values(&other).is_empty()).await;
}

/// The claims of processes that were killed, and the pauses after failures, are over now.
fn pass_time(database: &TestDatabase) {
    database.execute("UPDATE outbox SET next_attempt_at = '2000-01-01T00:00:00.000000Z' WHERE status = 'pending'");
}

/// How often each mail was received, by its Message-ID.
fn copies(mails: &[ReceivedMail]) -> BTreeMap<String, usize> {
    let mut copies = BTreeMap::new();
    for mail in mails {
        *copies.entry(mail.header("Message-ID").unwrap()).or_insert(0) += 1;
    }
    copies
}

/// The numbers of the mails that came to each recipient, in the order in which they came.
fn numbers_by_recipient(mails: &[ReceivedMail]) -> BTreeMap<String, Vec<u64>> {
    let mut numbers = BTreeMap::<_, Vec<_>>::new();
    for mail in mails {
        let id = mail.header("Message-ID").unwrap();
        let number = id.trim_start_matches('<').split('.').next().unwrap().parse().unwrap();
        numbers.entry(mail.to[0].clone()).or_default().push(number);
    }
    numbers
}

process_tests! {
    async fn a_worker_that_is_killed_loses_no_mail_and_doubles_none_but_those_in_its_hands(database) {
        const MAILS: usize = 300;
        let sink = SmtpSink::start().await;
        let program = program(&database, &sink);
        enqueue(&database, MAILS, MAILS, &bulk());
        let kills = 3;
        for kill in 1..=kills {
            let worker = program.start(&["worker"]);
            until("some mails are sent", || sink.mails().len() > kill * 40).await;
            worker.kill();
            // What it held is another's before long.
            let held = "SELECT id || '' AS value FROM outbox WHERE claimed_by IS NOT NULL";
            assert!(database.values(held).len() <= BATCH);
            let now = match database.backend() {
                Backend::Sqlite => "strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '+30 seconds')",
                Backend::Postgres => "now() + interval '30 seconds'",
            };
            assert_eq!(database.values(&format!("{held} AND next_attempt_at > {now}")), [""; 0]);
            pass_time(&database);
        }
        let worker = program.start(&["worker"]);
        until_all_are(&database, "sent").await;
        assert!(worker.terminate().success);
        let (mails, copies) = (sink.mails(), copies(&sink.mails()));
        assert_eq!(copies.len(), MAILS, "each is there");
        let doubles = mails.len() - copies.len();
        assert!(doubles <= kills * BATCH, "{doubles}");
        assert!(copies.values().all(|copies| *copies <= 1 + kills), "{copies:?}");
    }

    async fn two_workers_send_each_mail_once_and_those_to_one_recipient_in_their_order(database) {
        const MAILS: usize = 400;
        let sink = SmtpSink::start().await;
        let program = program(&database, &sink);
        enqueue(&database, MAILS, 25, &bulk());
        let workers = [0, 1].map(|_| program.start(&["worker"]));
        until_all_are(&database, "sent").await;
        for worker in workers {
            assert!(worker.terminate().success);
        }
        let mails = sink.mails();
        assert_eq!((mails.len(), copies(&mails).len()), (MAILS, MAILS));
        let numbers = numbers_by_recipient(&mails);
        assert_eq!(numbers.len(), 25);
        assert!(numbers.values().all(|numbers| numbers.is_sorted() && numbers.len() == MAILS / 25), "{numbers:?}");
    }

    async fn a_worker_that_is_told_to_end_gives_back_what_it_did_not_send(database) {
        let sink = SmtpSink::start().await;
        sink.behave(Behaviour::Hang);
        let program = program(&database, &sink);
        enqueue(&database, 100, 100, &bulk());
        let worker = program.start(&["worker"]);
        until("mails are on their way", || sink.connections() >= 8).await;
        assert!(worker.terminate().success);
        let held = "SELECT id || '' AS value FROM outbox WHERE claimed_by IS NOT NULL";
        assert_eq!((database.values(held), count(&database, "pending")), (Vec::<String>::new(), 100));
        sink.behave(Behaviour::Accept);
        pass_time(&database);
        let worker = program.start(&["worker"]);
        until_all_are(&database, "sent").await;
        assert!(worker.terminate().success);
        assert_eq!((sink.mails().len(), copies(&sink.mails()).len()), (100, 100));
    }

    async fn a_mail_server_that_is_away_costs_no_mail_an_attempt_and_is_not_asked_by_each(database) {
        const MAILS: usize = 200;
        let sink = SmtpSink::start().await;
        sink.behave(Behaviour::Closed);
        let program = program(&database, &sink);
        enqueue(&database, MAILS, MAILS, &bulk());
        let worker = program.start(&["worker"]);
        let told = "SELECT last_error AS value FROM outbox WHERE last_error IS NOT NULL";
        until("it is noticed more than once", || database.values(told).len() > 9).await;
        assert!(worker.terminate().success);
        let tried = "SELECT id || '' AS value FROM outbox WHERE attempts > 0";
        assert_eq!((database.values(tried), count(&database, "pending")), (Vec::<String>::new(), MAILS));
        assert!(database.values(told).iter().all(|told| told.starts_with("the mail server is away")));
        // Two for each mail that was tried.
        assert!(sink.connections() < 60, "{}", sink.connections());

        let worker = program.start(&["worker"]);
        sink.behave(Behaviour::Accept);
        until_all_are(&database, "sent").await;
        assert!(worker.terminate().success);
        assert_eq!((sink.mails().len(), copies(&sink.mails()).len()), (MAILS, MAILS));
    }

    async fn what_a_mail_server_refuses_for_now_is_tried_again_and_what_it_refuses_for_good_is_kept(database) {
        const MAILS: usize = 30;
        let sink = SmtpSink::start().await;
        sink.behave(Behaviour::TemporaryFailure);
        let program = program(&database, &sink);
        enqueue(&database, MAILS, MAILS, &bulk());
        let worker = program.start(&["worker"]);
        let tried = "SELECT id || '' AS value FROM outbox WHERE attempts = 1 AND claimed_by IS NULL";
        until("all were tried", || database.values(tried).len() == MAILS).await;
        sink.behave(Behaviour::PermanentFailure);
        pass_time(&database);
        until_all_are(&database, "dead").await;
        assert!(sink.mails().is_empty());
        sink.behave(Behaviour::Accept);
        assert_eq!(program.run(&["outbox", "retry", "--all-dead"]).stdout, "30 will be tried again.\n");
        until_all_are(&database, "sent").await;
        assert!(worker.terminate().success);
        assert_eq!((sink.mails().len(), copies(&sink.mails()).len()), (MAILS, MAILS));
    }

    async fn a_code_overtakes_thousands_of_other_mails(database) {
        let sink = SmtpSink::start().await;
        let program = program(&database, &sink);
        enqueue(&database, 3_000, 3_000, &bulk());
        let (portal, client) = program.serve(&[]);
        until("others are on their way", || !sink.mails().is_empty()).await;
        let body = json!({
            "email": "ann@example.com", "contract_number": "01711111111", "user_type": "candidate",
            "password": "correct horse 7",
        });
        assert_eq!(client.call("POST", "/account/register/", None, Some(body)).await.status, 201);
        sink.wait_for_mail_to("ann@example.com").await;
        assert!(count(&database, "pending") > 0, "it waited for all others");
        assert!(portal.terminate().success);
    }
}

/// The database makes each change of a subscription take some time, so that a renewal is long enough to die in it.
const SLOWLY: &str = "CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS \
    $$ BEGIN PERFORM pg_sleep(0.01); RETURN NEW; END $$";

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_periodic_task_of_a_node_that_is_killed_is_done_by_another() {
    if !Backend::Postgres.is_wanted() {
        return;
    }
    let (database, sink) = (TestDatabase::create_empty(Backend::Postgres), SmtpSink::start().await);
    let program = program(&database, &sink);
    let seed = ["seed", "--employers", "0", "--candidates", "300", "--jobs", "0", "--applications", "0"];
    assert!(program.run(&seed).success);
    database.execute(SLOWLY);
    database.execute("CREATE TRIGGER slowly BEFORE UPDATE ON subscriptions FOR EACH ROW EXECUTE FUNCTION slowly()");
    database.execute(
        "INSERT INTO subscriptions (user_id, plan_id, started_at, period_ends_at, auto_renew, has_expired, is_active, \
         created_at, updated_at) SELECT id, 2, now() - interval '45 days', now() - interval '15 days', \
         false, false, true, now(), now() FROM users WHERE user_type = 'candidate'",
    );
    let claimed = "SELECT task AS value FROM schedule WHERE task = 'renewal' AND claimed_by IS NOT NULL";
    let first = program.start(&["worker"]);
    until("the renewal has begun", || !database.values(claimed).is_empty()).await;
    first.kill();
    assert_eq!(database.values(claimed), ["renewal"], "it is the dead one's for a minute");
    let second = program.start(&["worker"]);
    database.execute("UPDATE schedule SET claimed_until = '2000-01-01' WHERE claimed_by IS NOT NULL");
    until("the renewal", || database.values("SELECT id || '' AS value FROM subscriptions WHERE is_active").is_empty())
        .await;
    until_all_are(&database, "sent").await;
    let free = "SELECT task AS value FROM schedule WHERE task = 'renewal' AND claimed_by IS NULL";
    until("it is recorded as done", || !database.values(free).is_empty()).await;
    assert!(second.terminate().success);
    let recipients: BTreeSet<_> = sink.mails().into_iter().map(|mail| mail.to).collect();
    assert_eq!((sink.mails().len(), recipients.len()), (300, 300), "each is told once");
}

/// Prints how many mails a second two workers send, and how long a code takes meanwhile. It proves nothing: it is for
/// `tests/with-postgres.sh cargo test --release -p jobportal-tests --test api -- throughput --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it measures"]
async fn throughput() {
    const MAILS: usize = 100_000;
    let (database, sink) = (TestDatabase::create_empty(Backend::Postgres), SmtpSink::start().await);
    sink.behave(Behaviour::KeepEnvelope);
    let program = program(&database, &sink).with(&[("worker.poll_every", "500ms")]);
    database.execute(&format!(
        "INSERT INTO outbox (kind, priority, recipient, payload, status, attempts, next_attempt_at, created_at) \
         SELECT 'subscription_expired', 'bulk', 'user' || n || '@example.com', \
         '{{\"kind\":\"subscription_expired\",\"plan\":\"basic\"}}', 'pending', 0, now(), now() \
         FROM generate_series(1, {MAILS}) n"
    ));
    database.execute("ANALYZE outbox");
    let (portal, client) = program.serve(&["--no-worker"]);
    let workers = [0, 1].map(|_| program.start(&["worker"]));
    until("the first mails", || sink.count() > 200).await;
    let (started, first) = (Instant::now(), sink.count());
    let mut latencies = Vec::new();
    for number in 0.. {
        tokio::time::sleep(Duration::from_secs(1)).await;
        if sink.count() > MAILS * 9 / 10 {
            break;
        }
        let email = format!("code{number}@example.com");
        let body = json!({
            "email": email, "contract_number": format!("017{number:08}"), "user_type": "candidate",
            "password": "correct horse 7",
        });
        assert_eq!(client.call("POST", "/account/register/", None, Some(body)).await.status, 201);
        let accepted = Instant::now();
        sink.wait_for_mail_to(&email).await;
        latencies.push(accepted.elapsed().as_millis());
    }
    let rate = f64::from(u32::try_from(sink.count() - first).unwrap()) / started.elapsed().as_secs_f64();
    latencies.sort_unstable();
    let (median, slowest) = (latencies[latencies.len() / 2], latencies[latencies.len() - 1]);
    println!("{rate:.0} mails/s; of {} codes: median {median} ms, slowest {slowest} ms", latencies.len());
    for ended in workers.into_iter().map(Running::terminate).chain([portal.terminate()]) {
        assert!(ended.success, "{ended:?}");
    }
}
