use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jobportal_application::{ChangeListener, Moment, ResponseCache, Subject};
use moka::sync::Cache;

/// How many jobs are told apart, and as many employers. Where two fall together, a change of one costs the other a read.
const SLOTS: u16 = 8192;

/// What an entry takes beside its key and its answer, about.
pub(crate) const OVERHEAD: usize = 256;

/// The answers of this process.
pub struct MemoryResponseCache<R> {
    entries: Cache<Arc<str>, Arc<Entry<R>>>,
    /// How many changes there were.
    changes: AtomicU64,
    last_changes: LastChanges,
    /// Where answers may be read from a database that is behind: by how much, and the changes that it may not know yet.
    behind: Option<(Duration, Mutex<Recent>)>,
}

/// The numbers of the last changes, with their times; oldest first.
type Recent = VecDeque<(Instant, u64)>;

/// The numbers of the last changes of all subjects.
struct LastChanges {
    jobs: Box<[AtomicU64]>,
    employers: Box<[AtomicU64]>,
    any_job: AtomicU64,
    plans: AtomicU64,
    everything: AtomicU64,
}

impl LastChanges {
    fn of(&self, subject: Subject) -> Option<&AtomicU64> {
        let slot = |id: i64| usize::try_from(id.rem_euclid(SLOTS.into())).unwrap_or_default();
        match subject {
            Subject::Job(id) => self.jobs.get(slot(id.0)),
            Subject::Employer(id) => self.employers.get(slot(id.0)),
            Subject::Jobs => Some(&self.any_job),
            Subject::Plans => Some(&self.plans),
            // No answer shows it.
            Subject::Outbox => None,
            Subject::Everything => Some(&self.everything),
        }
    }
}

impl Default for LastChanges {
    fn default() -> Self {
        let slots = || std::iter::repeat_with(AtomicU64::default).take(SLOTS.into()).collect();
        Self {
            jobs: slots(),
            employers: slots(),
            any_job: AtomicU64::default(),
            plans: AtomicU64::default(),
            everything: AtomicU64::default(),
        }
    }
}

struct Entry<R> {
    response: R,
    subjects: Box<[Subject]>,
    since: Moment,
}

impl<R: Clone + Send + Sync + 'static> MemoryResponseCache<R> {
    /// Keeps answers of at most so many bytes together, and each for `lifetime` at most: not every writer in another process can tell
    /// what it changed. `size` tells how many bytes an answer has.
    pub fn new(max_bytes: u64, lifetime: Duration, size: impl Fn(&R) -> usize + Send + Sync + 'static) -> Self {
        let weigh = move |key: &Arc<str>, entry: &Arc<Entry<R>>| {
            u32::try_from(OVERHEAD + key.len() + size(&entry.response)).unwrap_or(u32::MAX)
        };
        Self {
            entries: Cache::builder().max_capacity(max_bytes).weigher(weigh).time_to_live(lifetime).build(),
            changes: AtomicU64::new(0),
            last_changes: LastChanges::default(),
            behind: None,
        }
    }

    /// Keeps answers that may be read from a database which is behind by so much at most.
    #[must_use]
    pub fn behind(self, lag: Duration) -> Self {
        Self { behind: Some((lag, Mutex::default())), ..self }
    }

    /// How many bytes are kept, about.
    pub fn size(&self) -> u64 {
        self.entries.weighted_size()
    }

    fn is_good(&self, entry: &Entry<R>) -> bool {
        let unchanged = |subject| {
            self.last_changes.of(subject).is_some_and(|change| change.load(Ordering::SeqCst) <= entry.since.0)
        };
        unchanged(Subject::Everything) && entry.subjects.iter().copied().all(unchanged)
    }
}

impl<R: Clone + Send + Sync + 'static> ChangeListener for MemoryResponseCache<R> {
    fn changed(&self, subjects: &[Subject]) {
        let next = || self.changes.fetch_add(1, Ordering::SeqCst) + 1;
        let number = match &self.behind {
            // Counted under the lock: so they are in their order.
            Some((lag, recent)) => {
                let mut recent = unforgotten(recent, *lag);
                let number = next();
                recent.push_back((Instant::now(), number));
                number
            }
            None => next(),
        };
        let note = |subject| {
            if let Some(last_change) = self.last_changes.of(subject) {
                last_change.fetch_max(number, Ordering::SeqCst);
            }
        };
        for subject in subjects {
            note(*subject);
            if matches!(subject, Subject::Job(_) | Subject::Employer(_)) {
                note(Subject::Jobs);
            }
        }
    }
}

impl<R: Clone + Send + Sync + 'static> ResponseCache<R> for MemoryResponseCache<R> {
    fn moment(&self) -> Moment {
        let now = self.changes.load(Ordering::SeqCst);
        let first_unknown = |(lag, recent): &(Duration, Mutex<Recent>)| Some(unforgotten(recent, *lag).front()?.1);
        Moment(self.behind.as_ref().and_then(first_unknown).map_or(now, |first| now.min(first - 1)))
    }

    fn get(&self, key: &str) -> Option<R> {
        self.entries.get(key).filter(|entry| self.is_good(entry)).map(|entry| entry.response.clone())
    }

    fn put(&self, key: &str, response: R, subjects: &[Subject], since: Moment) {
        let entry = Entry { response, subjects: subjects.into(), since };
        if self.is_good(&entry) {
            self.entries.insert(key.into(), Arc::new(entry));
        }
    }
}

/// The recent changes, without those that even who is behind by `lag` knows.
fn unforgotten(recent: &Mutex<Recent>, lag: Duration) -> MutexGuard<'_, Recent> {
    let mut recent = recent.lock().unwrap_or_else(PoisonError::into_inner);
    while recent.front().is_some_and(|(time, _)| time.elapsed() > lag) {
        recent.pop_front();
    }
    recent
}

#[cfg(test)]
mod tests {
    use jobportal_domain::{EmployerId, JobId};

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const JOB: Subject = Subject::Job(JobId(1));
    const EMPLOYER: Subject = Subject::Employer(EmployerId(1));

    fn cache() -> MemoryResponseCache<&'static str> {
        MemoryResponseCache::new(1_000_000, MINUTE, |text: &&str| text.len())
    }

    fn kept(subjects: &[Subject]) -> MemoryResponseCache<&'static str> {
        let cache = cache();
        cache.put("key", "answer", subjects, cache.moment());
        cache
    }

    #[test]
    fn an_answer_is_good_until_something_it_shows_changes() {
        let shown: [&[Subject]; 3] = [&[JOB, EMPLOYER], &[Subject::Jobs], &[Subject::Plans]];
        for (change, good) in [
            (JOB, [false, false, true]),
            (EMPLOYER, [false, false, true]),
            (Subject::Job(JobId(2)), [true, false, true]),
            (Subject::Employer(EmployerId(2)), [true, false, true]),
            (Subject::Jobs, [true, false, true]),
            (Subject::Plans, [true, true, false]),
            (Subject::Everything, [false, false, false]),
        ] {
            for (subjects, good) in shown.into_iter().zip(good) {
                let cache = kept(subjects);
                assert_eq!(cache.get("key"), Some("answer"));
                cache.changed(&[change]);
                assert_eq!(cache.get("key").is_some(), good, "{subjects:?} after {change:?}");
            }
        }
    }

    #[test]
    fn what_was_read_before_a_change_is_not_put_back_after_it() {
        let cache = cache();
        let since = cache.moment();
        cache.changed(&[JOB]);
        cache.put("key", "old", &[JOB], since);
        assert_eq!(cache.get("key"), None);
        cache.put("key", "new", &[JOB], cache.moment());
        cache.put("key", "old", &[JOB], since);
        assert_eq!(cache.get("key"), Some("new"));
    }

    #[test]
    fn what_a_database_behind_may_not_know_yet_is_kept_by_nobody() {
        let lag = Duration::from_millis(50);
        let cache = cache().behind(lag);
        cache.changed(&[JOB]);
        cache.put("job", "maybe old", &[JOB], cache.moment());
        cache.put("plans", "good", &[Subject::Plans], cache.moment());
        assert_eq!((cache.get("job"), cache.get("plans")), (None, Some("good")));
        std::thread::sleep(2 * lag);
        cache.put("job", "new", &[JOB], cache.moment());
        assert_eq!(cache.get("job"), Some("new"));
    }

    #[test]
    fn it_holds_no_more_than_it_may() {
        let cache = MemoryResponseCache::new(100_000, MINUTE, |_: &u32| 1_000);
        for number in 0..10_000 {
            cache.put(&number.to_string(), number, &[JOB], cache.moment());
        }
        cache.entries.run_pending_tasks();
        assert!(cache.entries.weighted_size() <= 100_000);
        assert!(cache.entries.entry_count() > 0);
    }
}
