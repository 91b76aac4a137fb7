use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

use crate::closed_set::closed_set;
use crate::{RecoveryCode, UserId};

closed_set! {
    /// What a one-time code proves; a code for one purpose is worthless for another.
    CodePurpose {
        /// The e-mail address given at registration is the user's own.
        EmailVerification = "email_verification",
        /// Whoever resets the password reads the user's mail.
        PasswordReset = "password_reset",
        /// The e-mail address that the account is to have is the user's own.
        EmailChange = "email_change",
        /// Whoever changes the phone number reads the user's mail.
        PhoneNumberChange = "phone_number_change",
        /// Whoever enrols a second factor that is demanded of the account reads the user's mail.
        SecondFactorEnrolment = "second_factor_enrolment",
    }
}

/// How long a code lives and how often it may be tried.
///
/// The defaults keep OWASP ASVS 5.0, 6.5.5 (at most 10 minutes) and 6.6.3 (limited tries): a guesser who uses up every
/// try of every code has a chance of 25 in 1,000,000 an hour, and nobody gets more than five mails an hour that others
/// asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodePolicy {
    /// From the issue of a code to its end; [`Self::MAX_LIFETIME`] at most, whatever stands here.
    pub lifetime: TimeDelta,
    /// Tries after which a new code is needed.
    pub max_attempts: u16,
    /// Codes that one user gets for one purpose within [`Self::issue_window`].
    pub max_issues: u16,
    /// The time in which codes are counted, from the first of them.
    pub issue_window: TimeDelta,
}

impl CodePolicy {
    /// The longest life of a code (OWASP ASVS 5.0, 6.5.5).
    pub const MAX_LIFETIME: TimeDelta = TimeDelta::minutes(10);

    /// How long a code issued under this policy lives.
    pub fn effective_lifetime(self) -> TimeDelta {
        self.lifetime.min(Self::MAX_LIFETIME)
    }
}

impl Default for CodePolicy {
    fn default() -> Self {
        Self { lifetime: Self::MAX_LIFETIME, max_attempts: 5, max_issues: 5, issue_window: TimeDelta::hours(1) }
    }
}

/// A code in plain text: [`Code::DIGITS`] digits, which a person types; or its long form, a [`RecoveryCode`], which nobody guesses
/// however often they try. `Debug` does not show it.
///
/// `==` stops at the first difference, so it is not for judging a guess: that is [`OneTimeCode::attempt`].
#[derive(Clone, PartialEq, Eq)]
pub struct Code(String);

impl Code {
    /// The number of digits.
    pub const DIGITS: usize = 6;

    /// A code from a number below 1,000,000, as a random source gives it; `None` for a larger one.
    pub fn from_number(number: u32) -> Option<Self> {
        (number < 1_000_000).then(|| Self(format!("{number:06}")))
    }

    /// Reads a code that a user typed: six digits, with nothing but white space around them, or a code in its long form. `None`
    /// for what can't be one.
    pub fn parse(raw: &str) -> Option<Self> {
        let digits = raw.trim();
        if digits.len() == Self::DIGITS && digits.bytes().all(|b| b.is_ascii_digit()) {
            return Some(Self(digits.to_owned()));
        }
        RecoveryCode::parse(raw).map(Self::from)
    }

    /// Whether it is the long form of a code.
    pub fn is_long(&self) -> bool {
        self.0.len() > Self::DIGITS
    }

    /// The code in plain text, to hash or send it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<RecoveryCode> for Code {
    /// The long form of a code.
    fn from(code: RecoveryCode) -> Self {
        Self(code.expose().to_owned())
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(…)")
    }
}

/// An issued code as it is kept: its keyed hash, never the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OneTimeCode {
    /// Whose code it is.
    pub user_id: UserId,
    /// What it proves.
    pub purpose: CodePurpose,
    /// The address or the number that it was issued for: the one that it proves, or that the account is to have.
    pub target: String,
    /// The keyed hash of the code, and of its long form if it has one, as the caller made it.
    pub digest: String,
    /// When it was issued.
    pub issued_at: DateTime<Utc>,
    /// When it ends; from this moment on it is not accepted.
    pub expires_at: DateTime<Utc>,
    /// Tries left.
    pub attempts_left: u16,
    /// When it was used; `None` while it was not.
    pub consumed_at: Option<DateTime<Utc>>,
    /// How many codes the user got for this purpose since [`Self::counted_since`], this one included.
    pub issues: u16,
    /// When the first of them was issued.
    pub counted_since: DateTime<Utc>,
}

/// What a try at a code came to. Callers outside learn only whether it was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Right, in time and for the first time; the code is now used.
    Accepted,
    /// Not the code; a try is used up.
    Wrong,
    /// Past its end.
    Expired,
    /// Used before.
    Consumed,
    /// No tries left.
    Exhausted,
}

impl OneTimeCode {
    /// Issues the first code of a user for a purpose, with all tries before it; of the code only `digest` is kept.
    pub fn issue(
        user_id: UserId,
        purpose: CodePurpose,
        target: String,
        digest: String,
        policy: CodePolicy,
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            user_id,
            purpose,
            target,
            digest,
            issued_at: now,
            expires_at: now + policy.effective_lifetime(),
            attempts_left: policy.max_attempts,
            consumed_at: None,
            issues: 1,
            counted_since: now,
        }
    }

    /// Issues a code in place of this one; `None` where the user got as many as the policy allows. Of this one nothing
    /// stays but the count: a new code does not lengthen the time in which codes are counted.
    ///
    /// ```
    /// use chrono::{TimeDelta, Utc};
    /// use jobportal_domain::{CodePolicy, CodePurpose, OneTimeCode, UserId};
    ///
    /// let now = Utc::now();
    /// let policy = CodePolicy { max_issues: 2, ..CodePolicy::default() };
    /// let address = || "ann@example.com".to_owned();
    /// let first = OneTimeCode::issue(UserId(1), CodePurpose::PasswordReset, address(), "a".into(), policy, now);
    /// let second = first.reissue(address(), "b".into(), policy, now).unwrap();
    /// assert_eq!(second.reissue(address(), "c".into(), policy, now), None);
    /// assert!(second.reissue(address(), "c".into(), policy, now + TimeDelta::hours(1)).is_some());
    /// ```
    pub fn reissue(&self, target: String, digest: String, policy: CodePolicy, now: DateTime<Utc>) -> Option<Self> {
        let new = Self::issue(self.user_id, self.purpose, target, digest, policy, now);
        if now >= self.counted_since + policy.issue_window {
            return Some(new);
        }
        (self.issues < policy.max_issues).then_some(Self {
            issues: self.issues + 1,
            counted_since: self.counted_since,
            ..new
        })
    }

    /// Judges one try; `matches` compares the code that was typed with the digest, in constant time. It is called, and
    /// a try used up, only where the code could still be accepted. Store the code afterwards, whatever the verdict.
    ///
    /// ```
    /// use chrono::{TimeDelta, Utc};
    /// use jobportal_domain::{CodePolicy, CodePurpose, OneTimeCode, UserId, Verdict};
    ///
    /// let now = Utc::now();
    /// let policy = CodePolicy::default();
    /// let (purpose, target) = (CodePurpose::EmailVerification, "ann@example.com".to_owned());
    /// let mut code = OneTimeCode::issue(UserId(1), purpose, target, "digest".into(), policy, now);
    /// assert_eq!(code.attempt(now, |digest| digest == "other"), Verdict::Wrong);
    /// assert_eq!(code.attempt(now, |digest| digest == "digest"), Verdict::Accepted);
    /// assert_eq!(code.attempt(now, |digest| digest == "digest"), Verdict::Consumed);
    /// ```
    pub fn attempt(&mut self, now: DateTime<Utc>, matches: impl FnOnce(&str) -> bool) -> Verdict {
        if let Some(dead) = self.dead(now) {
            return dead;
        }
        if self.attempts_left == 0 {
            return Verdict::Exhausted;
        }
        self.attempts_left -= 1;
        self.judge(now, matches)
    }

    /// Judges one try at the long form of the code, as [`Self::attempt`] does; but it uses up none, and needs none: whoever guesses
    /// at the digits, and uses up their tries, keeps out nobody who was sent the code.
    pub fn attempt_long(&mut self, now: DateTime<Utc>, matches: impl FnOnce(&str) -> bool) -> Verdict {
        self.dead(now).unwrap_or_else(|| self.judge(now, matches))
    }

    fn dead(&self, now: DateTime<Utc>) -> Option<Verdict> {
        if self.consumed_at.is_some() {
            return Some(Verdict::Consumed);
        }
        (now >= self.expires_at).then_some(Verdict::Expired)
    }

    fn judge(&mut self, now: DateTime<Utc>, matches: impl FnOnce(&str) -> bool) -> Verdict {
        if matches(&self.digest) {
            self.consumed_at = Some(now);
            Verdict::Accepted
        } else {
            Verdict::Wrong
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issued_under(policy: CodePolicy) -> OneTimeCode {
        let (purpose, target) = (CodePurpose::PasswordReset, "ann@example.com".to_owned());
        OneTimeCode::issue(UserId(1), purpose, target, "d".into(), policy, DateTime::UNIX_EPOCH)
    }

    fn issued() -> OneTimeCode {
        issued_under(CodePolicy::default())
    }

    #[test]
    fn a_code_is_six_digits() {
        assert_eq!(Code::from_number(42).unwrap().expose(), "000042");
        assert_eq!(Code::from_number(1_000_000), None);
        assert_eq!(Code::parse(" 123456 ").unwrap().expose(), "123456");
        for bad in ["", "12345", "1234567", "12345a", "١٢٣٤٥٦", "-12345"] {
            assert_eq!(Code::parse(bad), None, "{bad}");
        }
        assert_eq!(format!("{:?}", Code::from_number(123_456)), "Some(Code(…))");
        assert!(!Code::parse("123456").unwrap().is_long());
    }

    #[test]
    fn a_long_form_is_read_as_a_recovery_code_is_and_not_shown() {
        let code = Code::parse(" ABCDEF-ghijkl mnopqr-stuvwx").unwrap();
        assert!(code.is_long());
        assert_eq!(code, RecoveryCode::parse("abcdefghijklmnopqrstuvwx").unwrap().into());
        assert_eq!((code.expose(), format!("{code:?}").as_str()), ("abcdef-ghijkl-mnopqr-stuvwx", "Code(…)"));
    }

    #[test]
    fn the_long_form_is_used_once_and_in_time_however_many_tries_at_the_digits_failed() {
        let end = DateTime::UNIX_EPOCH + TimeDelta::minutes(10);
        let mut code = issued();
        for _ in 0..9 {
            code.attempt(DateTime::UNIX_EPOCH, |_| false);
            assert_eq!(code.attempt_long(DateTime::UNIX_EPOCH, |_| false), Verdict::Wrong);
        }
        assert_eq!(code.attempts_left, 0);
        assert_eq!(code.clone().attempt_long(end, |_| true), Verdict::Expired);
        assert_eq!(code.attempt_long(DateTime::UNIX_EPOCH, |_| true), Verdict::Accepted);
        assert_eq!(code.attempt_long(DateTime::UNIX_EPOCH, |_| true), Verdict::Consumed);
        assert_eq!(issued().attempt(DateTime::UNIX_EPOCH, |_| true), Verdict::Accepted);
    }

    #[test]
    fn five_wrong_tries_end_it_even_for_the_right_code() {
        let mut code = issued();
        for _ in 0..5 {
            assert_eq!(code.attempt(DateTime::UNIX_EPOCH, |_| false), Verdict::Wrong);
        }
        assert_eq!(code.attempt(DateTime::UNIX_EPOCH, |_| true), Verdict::Exhausted);
    }

    #[test]
    fn the_fifth_try_may_still_be_right() {
        let mut code = issued();
        for _ in 0..4 {
            code.attempt(DateTime::UNIX_EPOCH, |_| false);
        }
        assert_eq!(code.attempt(DateTime::UNIX_EPOCH, |_| true), Verdict::Accepted);
    }

    #[test]
    fn it_ends_after_ten_minutes() {
        let end = DateTime::UNIX_EPOCH + TimeDelta::minutes(10);
        assert_eq!(issued().attempt(end - TimeDelta::microseconds(1), |_| true), Verdict::Accepted);
        assert_eq!(issued().attempt(end, |_| true), Verdict::Expired);
    }

    #[test]
    fn no_policy_makes_it_live_longer_than_ten_minutes() {
        let lifetime = |lifetime| {
            let code = issued_under(CodePolicy { lifetime, ..CodePolicy::default() });
            code.expires_at - code.issued_at
        };
        assert_eq!(lifetime(TimeDelta::days(1)), TimeDelta::minutes(10));
        assert_eq!(lifetime(TimeDelta::minutes(3)), TimeDelta::minutes(3));
    }

    #[test]
    fn a_new_one_is_for_its_own_target_and_leaves_nothing_of_the_last_but_the_count() {
        let mut first = issued();
        first.attempt(DateTime::UNIX_EPOCH, |_| true);
        let second = first.reissue("bea@example.com".into(), "e".into(), CodePolicy::default(), DateTime::UNIX_EPOCH);
        let expected = OneTimeCode { target: "bea@example.com".into(), digest: "e".into(), issues: 2, ..issued() };
        assert_eq!(second, Some(expected));
    }

    #[test]
    fn it_is_used_once() {
        let mut code = issued();
        assert_eq!(code.attempt(DateTime::UNIX_EPOCH, |_| true), Verdict::Accepted);
        assert_eq!(code.attempt(DateTime::UNIX_EPOCH, |_| true), Verdict::Consumed);
    }
}
