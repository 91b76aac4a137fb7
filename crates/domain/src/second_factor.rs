use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

use crate::UserId;

/// The letters and digits of base32 (RFC 4648), as authenticator apps read a key.
const BASE32: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The key that a user's authenticator app shares with the portal: 160 bits in base32, as many as RFC 4226 recommends.
/// `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct TotpSecret(String);

impl TotpSecret {
    /// The number of letters and digits.
    pub const CHARS: usize = 32;

    /// Reads a key in base32; `None` unless it is [`Self::CHARS`] long.
    pub fn parse(base32: &str) -> Option<Self> {
        let is_key = base32.len() == Self::CHARS && base32.chars().all(|c| BASE32.contains(c));
        is_key.then(|| Self(base32.to_owned()))
    }

    /// The key in base32, to show it once, to seal it or to compute codes.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSecret(…)")
    }
}

/// A code of 120 bits, so that nobody guesses it however often they try. It stands in once for the authenticator app, when that is
/// lost, or for the digits of a [`Code`](crate::Code). `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct RecoveryCode(String);

impl RecoveryCode {
    /// The number of letters and digits.
    pub const CHARS: usize = 24;
    /// How many codes a user gets at once.
    pub const COUNT: usize = 10;

    /// Reads a code that a user typed, with or without the hyphens between its parts; `None` for what can't be one.
    ///
    /// ```
    /// use jobportal_domain::RecoveryCode;
    ///
    /// let code = RecoveryCode::parse("ABCDEF-ghijkl-mnopqr 234567").unwrap();
    /// assert_eq!(code.expose(), "abcdef-ghijkl-mnopqr-234567");
    /// assert_eq!(RecoveryCode::parse("abcdef"), None);
    /// ```
    pub fn parse(typed: &str) -> Option<Self> {
        // Far more than a code takes, and little enough to look at.
        if typed.len() > 100 {
            return None;
        }
        let typed: String = typed.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
        let typed = typed.to_ascii_uppercase();
        if typed.len() != Self::CHARS || !typed.chars().all(|c| BASE32.contains(c)) {
            return None;
        }
        let mut code = String::with_capacity(Self::CHARS + 3);
        for (place, c) in typed.chars().enumerate() {
            if place > 0 && place % 6 == 0 {
                code.push('-');
            }
            code.push(c.to_ascii_lowercase());
        }
        Some(Self(code))
    }

    /// The code in four parts, to show it once or to hash it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCode(…)")
    }
}

/// A user's authenticator app (TOTP, RFC 6238: six digits, 30 seconds), as it is kept.
///
/// A code counts in its own time step, the one before and the one after, because clocks differ; and once. After five
/// wrong ones in a row tries must be farther and farther apart, up to an hour: who knows the password and guesses at that
/// pace has a chance of 3 in 1,000,000 an hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecondFactor {
    /// Whose it is.
    pub user_id: UserId,
    /// The key, sealed by the caller.
    pub sealed_secret: String,
    /// When the user got the key.
    pub enrolled_at: DateTime<Utc>,
    /// When the user proved with a code that the app has the key; `None` until then: it is not asked for.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// The time step of the last code that was accepted: that one and all before it are used up.
    pub last_step: Option<i64>,
    /// Wrong codes since the last right one.
    pub failures: u16,
    /// Until when no code is looked at.
    pub blocked_until: Option<DateTime<Utc>>,
}

/// What a try at a code of an authenticator app came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TotpVerdict {
    /// Right, and for the first time.
    Accepted,
    /// Not the code, or one that was used.
    Wrong,
    /// Too soon after wrong ones; it was not looked at.
    Blocked {
        /// When the next one is.
        until: DateTime<Utc>,
    },
}

impl SecondFactor {
    /// How long a code is shown, in seconds.
    pub const STEP_SECONDS: i64 = 30;
    /// How many wrong codes may follow one another at once.
    pub const FREE_FAILURES: u16 = 5;
    /// The longest time between tries.
    pub const LONGEST_BLOCK: TimeDelta = TimeDelta::hours(1);

    /// Gives a user a key, which is of no consequence until it is confirmed.
    pub fn enrol(user_id: UserId, sealed_secret: String, now: DateTime<Utc>) -> Self {
        Self {
            user_id,
            sealed_secret,
            enrolled_at: now,
            confirmed_at: None,
            last_step: None,
            failures: 0,
            blocked_until: None,
        }
    }

    /// Whether it is asked for at sign-in.
    pub const fn is_active(&self) -> bool {
        self.confirmed_at.is_some()
    }

    /// Judges one try; `matches` tells, in constant time, whether what was typed is the code of a time step. Store the
    /// factor afterwards, whatever the verdict.
    ///
    /// ```
    /// use chrono::{TimeDelta, Utc};
    /// use jobportal_domain::{SecondFactor, TotpVerdict, UserId};
    ///
    /// let now = Utc::now();
    /// let step = now.timestamp() / SecondFactor::STEP_SECONDS;
    /// let mut factor = SecondFactor::enrol(UserId(1), "sealed".into(), now);
    /// assert_eq!(factor.attempt(now, |of| of == step), TotpVerdict::Accepted);
    /// assert_eq!(factor.attempt(now, |of| of == step), TotpVerdict::Wrong);
    /// ```
    pub fn attempt(&mut self, now: DateTime<Utc>, matches: impl Fn(i64) -> bool) -> TotpVerdict {
        if let Some(until) = self.blocked_until.filter(|until| now < *until) {
            return TotpVerdict::Blocked { until };
        }
        let present = now.timestamp().div_euclid(Self::STEP_SECONDS);
        // All are compared, so that the time tells not which one fits.
        let fitting = [present - 1, present, present + 1].into_iter().filter(|step| matches(*step));
        let unused = |step: &i64| self.last_step.is_none_or(|last| *step > last);
        if let Some(step) = fitting.fold(None, |_, step| Some(step)).filter(unused) {
            self.last_step = Some(step);
            self.forgive();
            TotpVerdict::Accepted
        } else {
            self.failures = self.failures.saturating_add(1);
            self.blocked_until = Self::block_after(self.failures).map(|block| now + block);
            TotpVerdict::Wrong
        }
    }

    /// Forgets wrong codes: the user proved in some way to have the factor.
    pub fn forgive(&mut self) {
        self.failures = 0;
        self.blocked_until = None;
    }

    /// One minute after as many as are free, and twice as long after each further one.
    fn block_after(failures: u16) -> Option<TimeDelta> {
        let doublings = failures.checked_sub(Self::FREE_FAILURES)?;
        Some(TimeDelta::minutes(1 << doublings.min(6)).min(Self::LONGEST_BLOCK))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    fn factor() -> SecondFactor {
        SecondFactor::enrol(UserId(1), "sealed".into(), at(0))
    }

    #[test]
    fn a_key_is_160_bits_in_base32_and_not_shown() {
        let key = TotpSecret::parse(&"A7".repeat(16)).unwrap();
        assert_eq!((key.expose().len(), format!("{key:?}")), (32, "TotpSecret(…)".to_owned()));
        for bad in ["", "A7", &"a7".repeat(16), &"A1".repeat(16), &"A7".repeat(17), &"É".repeat(16)] {
            assert_eq!(TotpSecret::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_recovery_code_is_120_bits_and_not_shown() {
        let code = RecoveryCode::parse("abcdefghijklmnopqrstuvwx").unwrap();
        assert_eq!(code.expose(), "abcdef-ghijkl-mnopqr-stuvwx");
        assert_eq!(RecoveryCode::parse(code.expose()), Some(code.clone()));
        assert_eq!(format!("{code:?}"), "RecoveryCode(…)");
        for bad in ["", "abcdefghijklmnopqrstuvw1", "abcdefghijklmnopqrstuvwxy", "éééééééééééé", &"a-".repeat(51)]
        {
            assert_eq!(RecoveryCode::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_code_counts_in_its_own_step_and_in_its_neighbours() {
        for (step, verdict) in [
            (8, TotpVerdict::Wrong),
            (9, TotpVerdict::Accepted),
            (10, TotpVerdict::Accepted),
            (11, TotpVerdict::Accepted),
            (12, TotpVerdict::Wrong),
        ] {
            for now in [at(300), at(329)] {
                assert_eq!(factor().attempt(now, |of| of == step), verdict, "{step}");
            }
        }
    }

    #[test]
    fn a_code_of_an_authenticator_app_is_used_once_and_makes_all_before_it_worthless() {
        let mut factor = factor();
        assert_eq!(factor.attempt(at(300), |of| of == 10), TotpVerdict::Accepted);
        for (now, step) in [(300, 10), (300, 9), (330, 10)] {
            assert_eq!(factor.attempt(at(now), |of| of == step), TotpVerdict::Wrong, "{now} {step}");
        }
        assert_eq!(factor.attempt(at(300), |of| of == 11), TotpVerdict::Accepted);
    }

    #[test]
    fn after_five_wrong_codes_tries_must_be_farther_and_farther_apart_but_never_for_good() {
        let (mut factor, mut now) = (factor(), at(300));
        for _ in 0..5 {
            assert_eq!(factor.attempt(now, |_| false), TotpVerdict::Wrong);
        }
        let mut blocks = Vec::new();
        for _ in 0..8 {
            let until = factor.blocked_until.unwrap();
            let right = factor.attempt(until - TimeDelta::microseconds(1), |_| true);
            assert_eq!(right, TotpVerdict::Blocked { until }, "not even the right one");
            blocks.push((until - now).num_minutes());
            now = until;
            assert_eq!(factor.attempt(now, |_| false), TotpVerdict::Wrong);
        }
        assert_eq!(blocks, [1, 2, 4, 8, 16, 32, 60, 60]);
        now = factor.blocked_until.unwrap();
        assert_eq!(factor.attempt(now, |_| true), TotpVerdict::Accepted);
        assert_eq!((factor.failures, factor.blocked_until), (0, None));
        factor.failures = u16::MAX;
        assert_eq!(factor.attempt(now, |_| false), TotpVerdict::Wrong);
        assert_eq!(factor.blocked_until, Some(now + TimeDelta::hours(1)));
    }
}
