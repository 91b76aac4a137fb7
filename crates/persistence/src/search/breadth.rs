use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use jobportal_application::JobFilter;

/// That more jobs fit a filter than are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Broad {
    /// How many fit, roughly, if they are as frequent among all jobs as among the first.
    pub(crate) hits: i64,
    /// How many jobs there are, roughly.
    pub(crate) jobs: i64,
}

/// Which filters are broad. It decides how jobs are looked for, and never which ones are found.
#[derive(Default)]
pub(crate) struct Breadth {
    known: Mutex<HashMap<JobFilter, (DateTime<Utc>, Broad)>>,
}

impl Breadth {
    const LIFE: TimeDelta = TimeDelta::minutes(1);
    const MOST: usize = 1_000;

    pub(crate) fn of(&self, filter: &JobFilter, now: DateTime<Utc>) -> Option<Broad> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // Not after a clock that was ahead, either.
        known.get(filter).filter(|(until, _)| (now..=now + Self::LIFE).contains(until)).map(|(_, broad)| *broad)
    }

    pub(crate) fn remember(&self, filter: &JobFilter, broad: Broad, now: DateTime<Utc>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= Self::MOST {
            known.retain(|_, (until, _)| *until > now);
            if known.len() >= Self::MOST {
                known.clear();
            }
        }
        known.insert(filter.clone(), (now + Self::LIFE, broad));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_broad_for_a_minute_and_few_are_remembered() {
        let (breadth, now) = (Breadth::default(), DateTime::UNIX_EPOCH);
        let filter = |n: usize| JobFilter { title: Some(n.to_string()), ..JobFilter::default() };
        let broad = Broad { hits: 20_000, jobs: 30_000 };
        breadth.remember(&filter(0), broad, now);
        assert_eq!(breadth.of(&filter(0), now + Breadth::LIFE), Some(broad));
        assert_eq!(breadth.of(&filter(1), now), None);
        assert_eq!(breadth.of(&filter(0), now + Breadth::LIFE + TimeDelta::microseconds(1)), None);
        assert_eq!(breadth.of(&filter(0), now - TimeDelta::microseconds(1)), None);
        for n in 0..3 * Breadth::MOST {
            breadth.remember(&filter(n), broad, now);
        }
        assert!(breadth.known.lock().unwrap().len() <= Breadth::MOST);
    }
}
