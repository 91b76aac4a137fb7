use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use jobportal_application::{FoundJobs, JobFilter};

/// How many jobs fit a filter that many fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hits {
    /// As they were counted; if they were too many, roughly, as if they were as frequent among all jobs as among the first.
    pub(crate) number: i64,
    /// How many jobs there are, roughly.
    pub(crate) jobs: i64,
}

impl Hits {
    /// From so many on a count is worth remembering.
    pub(crate) const MANY: i64 = 1_000;

    /// Whether they are more than are counted.
    pub(crate) const fn are_uncounted(self) -> bool {
        self.total() < self.number
    }

    /// What is told of them.
    pub(crate) const fn total(self) -> i64 {
        let most = FoundJobs::MAX_COUNT.cast_signed();
        if self.number < most { self.number } else { most }
    }
}

/// How many jobs fit which filter. It decides how jobs are looked for, and never which ones are found.
#[derive(Default)]
pub(crate) struct Breadth {
    known: Mutex<HashMap<JobFilter, (DateTime<Utc>, Hits)>>,
}

impl Breadth {
    /// How long it is remembered that there are more than are counted.
    const LIFE: TimeDelta = TimeDelta::minutes(1);
    /// How long a count is remembered, which is told.
    const COUNT_LIFE: TimeDelta = TimeDelta::seconds(5);
    const MOST: usize = 1_000;

    pub(crate) fn of(&self, filter: &JobFilter, now: DateTime<Utc>) -> Option<Hits> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // Not after a clock that was ahead, either.
        known.get(filter).filter(|(until, hits)| (now..=now + Self::life(*hits)).contains(until)).map(|(_, hits)| *hits)
    }

    pub(crate) fn remember(&self, filter: &JobFilter, hits: Hits, now: DateTime<Utc>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= Self::MOST {
            known.retain(|_, (until, _)| *until > now);
            if known.len() >= Self::MOST {
                known.clear();
            }
        }
        known.insert(filter.clone(), (now + Self::life(hits), hits));
    }

    const fn life(hits: Hits) -> TimeDelta {
        if hits.are_uncounted() { Self::LIFE } else { Self::COUNT_LIFE }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_many_fit_is_known_for_a_while_and_of_few_filters() {
        let (breadth, now) = (Breadth::default(), DateTime::UNIX_EPOCH);
        let filter = |n: usize| JobFilter { title: Some(n.to_string()), ..JobFilter::default() };
        let (broad, counted) = (Hits { number: 20_000, jobs: 30_000 }, Hits { number: 10_000, jobs: 30_000 });
        for (hits, life) in [(broad, Breadth::LIFE), (counted, Breadth::COUNT_LIFE)] {
            breadth.remember(&filter(0), hits, now);
            assert_eq!(hits.total(), 10_000);
            assert_eq!(breadth.of(&filter(0), now + life), Some(hits));
            assert_eq!(breadth.of(&filter(0), now + life + TimeDelta::microseconds(1)), None);
            assert_eq!(breadth.of(&filter(0), now - TimeDelta::microseconds(1)), None);
        }
        assert_eq!(breadth.of(&filter(1), now), None);
        for n in 0..3 * Breadth::MOST {
            breadth.remember(&filter(n), broad, now);
        }
        assert!(breadth.known.lock().unwrap().len() <= Breadth::MOST);
    }
}
