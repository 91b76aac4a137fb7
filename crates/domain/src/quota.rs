use chrono::{DateTime, Days, NaiveTime, Utc};
use thiserror::Error;

/// The end of the UTC day that `now` is in: when daily quotas start anew. At midnight itself it is the next one.
pub fn next_midnight(now: DateTime<Utc>) -> DateTime<Utc> {
    now.date_naive()
        .checked_add_days(Days::new(1))
        .map_or(DateTime::<Utc>::MAX_UTC, |day| day.and_time(NaiveTime::MIN).and_utc())
}

/// The day's allowance is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("You have reached your plan's limit of {limit} job applications per day.")]
pub struct QuotaExceeded {
    /// How many a day the plan allows.
    pub limit: u32,
}

/// How much of a day's allowance is used. A day is a calendar day in UTC; it ends at [`next_midnight`].
///
/// It counts and does not keep: where several requests of one user come at once, let the database decide who takes the
/// last one.
///
/// ```
/// use jobportal_domain::DailyQuota;
///
/// let quota = DailyQuota { limit: 2, used: 1 };
/// let quota = quota.take().unwrap();
/// assert_eq!(quota.remaining(), 0);
/// assert!(quota.take().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DailyQuota {
    /// How many a day.
    pub limit: u32,
    /// How many so far.
    pub used: u32,
}

impl DailyQuota {
    /// Uses one, if one is left; else [`QuotaExceeded`].
    pub fn take(self) -> Result<Self, QuotaExceeded> {
        if self.remaining() == 0 {
            return Err(QuotaExceeded { limit: self.limit });
        }
        Ok(Self { used: self.used + 1, ..self })
    }

    /// How many are left today; none where a change of plan left more used than the new plan allows.
    pub const fn remaining(self) -> u32 {
        self.limit.saturating_sub(self.used)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_smaller_plan_leaves_nothing_rather_than_less() {
        let quota = DailyQuota { limit: 5, used: 9 };
        assert_eq!(quota.remaining(), 0);
        assert_eq!(quota.take(), Err(QuotaExceeded { limit: 5 }));
    }

    #[test]
    fn a_plan_of_nothing_allows_nothing() {
        assert!(DailyQuota { limit: 0, used: 0 }.take().is_err());
    }

    #[test]
    fn the_day_ends_at_midnight_utc() {
        let now = DateTime::parse_from_rfc3339("2026-12-31T23:59:59.999999Z").unwrap().to_utc();
        assert_eq!(next_midnight(now).to_rfc3339(), "2027-01-01T00:00:00+00:00");
        assert_eq!(next_midnight(next_midnight(now)).to_rfc3339(), "2027-01-02T00:00:00+00:00");
    }
}
