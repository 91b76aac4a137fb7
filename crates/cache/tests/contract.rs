//! What holds of each port, whichever adapter stands behind it: the memory of the process, or Redis.

#![expect(clippy::unwrap_used, clippy::panic, reason = "this is a test")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::join_all;
use jobportal_application::{
    AnswerCache, ChangeListener, DelayPolicy, MailSignal, Nodes, RateDecision, RateLimiter, RatePolicy,
    SessionDenylist, Stamp, Subject, TooEarly,
};
use jobportal_cache::{
    MemoryAnswerCache, MemoryMailSignal, MemoryRateLimiter, MemorySessionDenylist, Redis, RedisAnswerCache, RedisNodes,
    RedisRateLimiter, RedisSettings,
};
use jobportal_domain::JobId;

/// No machine is so slow that a test takes as long.
const LONG: Duration = Duration::from_secs(600);

/// The Redis of `TEST_REDIS_URL`, under a prefix of its own; `None`: the tests are to go without.
#[expect(clippy::disallowed_methods, reason = "how tests are run is not a setting of the portal")]
fn redis() -> Option<Arc<Redis>> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    if variable("TEST_WITHOUT_REDIS").is_some_and(|value| value == "1") {
        println!("skipped: TEST_WITHOUT_REDIS=1 leaves Redis out");
        return None;
    }
    let Some(url) = variable("TEST_REDIS_URL") else {
        panic!(
            "set TEST_REDIS_URL to a Redis that may be written to (tests/with-redis.sh COMMAND starts one), or \
             TEST_WITHOUT_REDIS=1 to leave Redis out"
        )
    };
    let prefix = format!("jobportal_test:{}:{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    // A machine may be busy.
    let settings = RedisSettings { url, prefix, timeout: Duration::from_secs(10), pool_size: 8 };
    Some(Arc::new(Redis::new(&settings).unwrap()))
}

/// Two limiters that count together, as two nodes have them.
fn limiters() -> Vec<[Arc<dyn RateLimiter>; 2]> {
    let own: Arc<dyn RateLimiter> = Arc::new(MemoryRateLimiter::new());
    let shared =
        redis().map(|redis| [(); 2].map(|()| Arc::new(RedisRateLimiter::new(redis.clone())) as Arc<dyn RateLimiter>));
    [Some([own.clone(), own]), shared].into_iter().flatten().collect()
}

const POLICY: RatePolicy = RatePolicy { name: "sign_in", quota: 3, window: LONG };

#[tokio::test]
async fn a_quota_is_that_of_all_nodes_together() {
    for [one, other] in limiters() {
        for (limiter, remaining) in [(&one, 2), (&other, 1), (&one, 0)] {
            let RateDecision { allowed, remaining: left, reset_after } = limiter.take("a", &POLICY).await;
            assert_eq!((allowed, left), (true, remaining));
            assert!(reset_after <= LONG && reset_after > LONG / 2);
        }
        for limiter in [&one, &other] {
            let refused = limiter.take("a", &POLICY).await;
            assert_eq!((refused.allowed, refused.remaining), (false, 0));
            assert!(limiter.take(&format!("{:p}", Arc::as_ptr(limiter)), &POLICY).await.allowed, "another key");
        }
        assert!(!one.take("a", &RatePolicy { quota: 0, name: "none", ..POLICY }).await.allowed);
        assert!(one.take("a", &RatePolicy { name: "register", ..POLICY }).await.allowed);
    }
}

#[tokio::test]
async fn a_new_window_begins_when_the_last_one_is_over() {
    let policy = RatePolicy { quota: 1, window: Duration::from_millis(300), ..POLICY };
    for [one, other] in limiters() {
        let began = Instant::now();
        assert!(one.take("a", &policy).await.allowed);
        let refused = other.take("a", &policy).await;
        // A busy machine may have slept through it.
        assert!(!refused.allowed || began.elapsed() >= policy.window);
        tokio::time::sleep(policy.window + Duration::from_millis(10)).await;
        assert!(other.take("a", &policy).await.allowed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_any_number_of_concurrent_takes_as_many_are_allowed_as_the_quota_says() {
    let policy = RatePolicy { quota: 100, ..POLICY };
    for nodes in limiters() {
        let take = |number: usize| {
            let limiter = nodes[number % 2].clone();
            tokio::spawn(async move { limiter.take("a", &policy).await.allowed })
        };
        let takes = join_all((0..1_000).map(take)).await;
        assert_eq!(takes.into_iter().filter(|allowed| *allowed.as_ref().unwrap()).count(), 100);
    }
}

#[tokio::test]
async fn tries_that_fail_must_be_farther_and_farther_apart_wherever_they_are_made() {
    let delays = DelayPolicy { name: "sign_in", free: 3, first: LONG, longest: 4 * LONG };
    for [one, other] in limiters() {
        for limiter in [&one, &other, &one] {
            assert_eq!(limiter.attempt("a", &delays).await, Ok(()));
        }
        for limiter in [&one, &other] {
            let Err(TooEarly { delay, wait }) = limiter.attempt("a", &delays).await else { panic!("it was made") };
            assert_eq!(delay, LONG);
            assert!(wait <= LONG && wait > LONG / 2);
            assert_eq!(limiter.attempt("b", &DelayPolicy { free: 9, ..delays }).await, Ok(()));
        }
        one.succeed("a", &delays).await;
        for limiter in [&other, &one, &other] {
            assert_eq!(limiter.attempt("a", &delays).await, Ok(()), "a success forgets all failures");
        }
        assert!(one.attempt("a", &delays).await.is_err());
    }
}

/// The delays after one failure more each time, as both adapters reckon them.
#[tokio::test]
async fn delays_double_up_to_the_longest_and_one_failure_is_forgotten_with_each() {
    let millis = Duration::from_millis;
    let delays = DelayPolicy { name: "quick", free: 1, first: millis(20), longest: millis(80) };
    for [one, other] in limiters() {
        let mut told = Vec::new();
        for number in 0..6 {
            let limiter = [&one, &other][number % 2];
            while let Err(TooEarly { delay, wait }) = limiter.attempt("a", &delays).await {
                told.push(delay.as_millis());
                tokio::time::sleep(wait.max(millis(1))).await;
            }
        }
        told.dedup();
        // A machine that was busy for so long that a failure was forgotten sees less of it.
        assert!(!told.is_empty() && told.iter().all(|delay| [20, 40, 80].contains(delay)), "{told:?}");
        tokio::time::sleep(millis(80) * 7).await;
        assert_eq!(other.attempt("a", &delays).await, Ok(()), "all is forgotten");
    }
}

/// What a node hears and knows.
struct Node {
    told: Arc<Told>,
    denylist: Arc<dyn SessionDenylist>,
    nodes: Option<Arc<RedisNodes>>,
}

#[derive(Default)]
struct Told(Mutex<Vec<Subject>>);

impl ChangeListener for Told {
    fn changed(&self, subjects: &[Subject]) {
        self.0.lock().unwrap().extend_from_slice(subjects);
    }
}

impl Told {
    fn take(&self) -> Vec<Subject> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

async fn node(redis: &Arc<Redis>, name: &str) -> Node {
    let (told, own) = (Arc::<Told>::default(), Arc::<MemorySessionDenylist>::default());
    let nodes = Arc::new(RedisNodes::start(redis.clone(), name.to_owned(), told.clone(), own).unwrap());
    let began = Instant::now();
    while !nodes.catch_up().await {
        assert!(began.elapsed() < LONG);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Node { told, denylist: nodes.clone(), nodes: Some(nodes) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_one_node_denies_is_denied_by_all_from_then_on() {
    let own: Arc<dyn SessionDenylist> = Arc::new(MemorySessionDenylist::new());
    let mut all = vec![[own.clone(), own]];
    let mut alive = Vec::new();
    if let Some(redis) = redis() {
        let [one, other] = [node(&redis, "one").await, node(&redis, "other").await];
        all.push([one.denylist.clone(), other.denylist.clone()]);
        alive.extend([one, other]);
    }
    for [one, other] in all {
        for number in 0..100 {
            let session = format!("session-{number}");
            assert!(!other.is_denied(&session).await);
            one.deny(&session, LONG).await;
            assert!(one.is_denied(&session).await && other.is_denied(&session).await, "{number}");
        }
        one.deny("past", Duration::ZERO).await;
        assert!(!one.is_denied("past").await && !other.is_denied("past").await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_node_changes_all_others_know_before_it_goes_on() {
    let Some(redis) = redis() else { return };
    let [one, other] = [node(&redis, "one").await, node(&redis, "other").await];
    // To begin to listen is to know nothing of what was before.
    assert_eq!(one.told.take(), [Subject::Everything]);
    assert_eq!(other.told.take(), [Subject::Everything]);
    for number in 1..100 {
        let subject = Subject::Job(JobId(number));
        let nodes = one.nodes.clone().unwrap();
        tokio::task::spawn_blocking(move || nodes.changed(&[subject])).await.unwrap();
        assert!(other.nodes.as_ref().unwrap().catch_up().await);
        assert_eq!(other.told.take(), [subject]);
    }
    assert_eq!(one.told.take(), [], "a node is not told what it has told");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mail_wakes_whoever_waits_for_it() {
    let signal = MemoryMailSignal::default();
    assert!(signal.more_than(0).now_or_never().is_none());
    signal.changed(&[Subject::Outbox]);
    signal.more_than(0).await;
    if let Some(redis) = redis() {
        let worker = Arc::new(MemoryMailSignal::default());
        let own = Arc::<MemorySessionDenylist>::default();
        let nodes = RedisNodes::start(redis.clone(), "worker".to_owned(), worker.clone(), own).unwrap();
        let api = node(&redis, "api").await;
        while !nodes.catch_up().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let looked = worker.arrivals();
        assert!(worker.more_than(looked).now_or_never().is_none());
        tokio::task::spawn_blocking(move || api.nodes.unwrap().changed(&[Subject::Outbox])).await.unwrap();
        worker.more_than(looked).await;
    }
}

#[tokio::test]
async fn an_answer_is_given_out_for_the_state_it_was_made_of_and_for_no_other() {
    let own: Arc<dyn AnswerCache> = Arc::new(MemoryAnswerCache::new(1_000_000, LONG));
    let shared = redis().map(|redis| Arc::new(RedisAnswerCache::new(redis, LONG)) as Arc<dyn AnswerCache>);
    for cache in [Some(own), shared].into_iter().flatten() {
        let [old, new] = ["1 2 3", "1 2 4"].map(Stamp::new);
        assert_eq!(cache.get("a", &old).await, None);
        let [first, second] = [Bytes::from_static(b"\0\xff\nfirst"), Bytes::from(vec![7; 300_000])];
        cache.put("a", &old, first.clone()).await;
        assert_eq!(cache.get("a", &old).await, Some(first.clone()));
        for other in [&new, &Stamp::new(""), &Stamp::new("1 2 3 "), &Stamp::new("1 2")] {
            assert_eq!(cache.get("a", other).await, None);
        }
        assert_eq!(cache.get("b", &old).await, None);
        cache.put("a", &new, second.clone()).await;
        assert_eq!(cache.get("a", &new).await, Some(second));
        // Who was slow puts back what was: it is for its own state all the same.
        cache.put("a", &old, first).await;
        assert_eq!(cache.get("a", &new).await, None);
    }
}

#[tokio::test]
async fn an_answer_is_not_kept_for_longer_than_it_may() {
    let millis = Duration::from_millis(50);
    let own: Arc<dyn AnswerCache> = Arc::new(MemoryAnswerCache::new(1_000_000, millis));
    let shared = redis().map(|redis| Arc::new(RedisAnswerCache::new(redis, millis)) as Arc<dyn AnswerCache>);
    for cache in [Some(own), shared].into_iter().flatten() {
        let stamp = Stamp::new("1");
        cache.put("a", &stamp, Bytes::from_static(b"x")).await;
        tokio::time::sleep(2 * millis).await;
        assert_eq!(cache.get("a", &stamp).await, None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_each_node_goes_on_for_itself_and_knows_that_it_does_not_know() {
    let settings = RedisSettings {
        url: "redis://127.0.0.1:1".to_owned(),
        prefix: "test".to_owned(),
        timeout: Duration::from_millis(100),
        pool_size: 1,
    };
    let redis = Arc::new(Redis::new(&settings).unwrap());
    let limiter = RedisRateLimiter::new(redis.clone());
    for allowed in [true, true, true, false] {
        assert_eq!(limiter.take("a", &POLICY).await.allowed, allowed);
    }
    let delays = DelayPolicy { name: "sign_in", free: 1, first: LONG, longest: LONG };
    assert_eq!(limiter.attempt("a", &delays).await, Ok(()));
    assert!(limiter.attempt("a", &delays).await.is_err());
    let cache = RedisAnswerCache::new(redis.clone(), LONG);
    cache.put("a", &Stamp::new("1"), Bytes::from_static(b"x")).await;
    assert_eq!(cache.get("a", &Stamp::new("1")).await, None);
    let (told, own) = (Arc::<Told>::default(), Arc::<MemorySessionDenylist>::default());
    let nodes = Arc::new(RedisNodes::start(redis.clone(), "one".to_owned(), told, own).unwrap());
    assert!(!nodes.catch_up().await);
    nodes.deny("ended", LONG).await;
    assert!(nodes.is_denied("ended").await && !nodes.is_denied("other").await);
    let teller = nodes.clone();
    tokio::task::spawn_blocking(move || teller.changed(&[Subject::Plans])).await.unwrap();
    assert!(redis.breaker().is_open());
}
