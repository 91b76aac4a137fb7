use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use jobportal_application::JobFilter;

/// Which filters more jobs fit than are counted. It decides how jobs are looked for, and never which ones are found.
#[derive(Default)]
pub(crate) struct Breadth {
    until: Mutex<HashMap<JobFilter, DateTime<Utc>>>,
}

impl Breadth {
    const LIFE: TimeDelta = TimeDelta::minutes(1);
    const MOST: usize = 1_000;

    pub(crate) fn is_broad(&self, filter: &JobFilter, now: DateTime<Utc>) -> bool {
        let until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        // Not after a clock that was ahead, either.
        until.get(filter).is_some_and(|until| (now..=now + Self::LIFE).contains(until))
    }

    pub(crate) fn remember(&self, filter: &JobFilter, now: DateTime<Utc>) {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        if until.len() >= Self::MOST {
            until.retain(|_, until| *until > now);
            if until.len() >= Self::MOST {
                until.clear();
            }
        }
        until.insert(filter.clone(), now + Self::LIFE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_broad_for_a_minute_and_few_are_remembered() {
        let (breadth, now) = (Breadth::default(), DateTime::UNIX_EPOCH);
        let filter = |n: usize| JobFilter { title: Some(n.to_string()), ..JobFilter::default() };
        breadth.remember(&filter(0), now);
        assert!(breadth.is_broad(&filter(0), now + Breadth::LIFE) && !breadth.is_broad(&filter(1), now));
        assert!(!breadth.is_broad(&filter(0), now + Breadth::LIFE + TimeDelta::microseconds(1)));
        assert!(!breadth.is_broad(&filter(0), now - TimeDelta::microseconds(1)));
        for n in 0..3 * Breadth::MOST {
            breadth.remember(&filter(n), now);
        }
        assert!(breadth.until.lock().unwrap().len() <= Breadth::MOST);
    }
}
