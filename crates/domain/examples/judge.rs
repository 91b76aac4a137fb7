//! Judges what a user typed by the rules of the portal: a password, a phone number, a one-time code, a daily quota.
//!
//! ```console
//! $ cargo run -p jobportal-domain --example judge
//! $ cargo run -p jobportal-domain --example judge -- 01711111111 "correct horse"
//! ```

use std::env;

use chrono::{DateTime, TimeDelta, Utc};
use jobportal_domain::{
    Code, CodePolicy, CodePurpose, DailyQuota, EmailAddress, OneTimeCode, Password, PhoneNumber, UserId, Violations,
    next_midnight,
};

#[expect(clippy::disallowed_methods, reason = "the domain reads no clock; a program does, and hands the time on")]
fn main() {
    let mut typed = env::args().skip(1);
    let phone_number = typed.next().unwrap_or_else(|| "+880 1711".to_owned());
    let password = typed.next().unwrap_or_else(|| "password1".to_owned());
    let now = Utc::now();
    for finding in [registration(&phone_number, &password), one_time_code(now), daily_quota(now)].concat() {
        println!("{finding}");
    }
}

/// Every broken rule of a form is found at once, and told by field.
fn registration(phone_number: &str, password: &str) -> Vec<String> {
    let mut violations = Violations::default();
    let email = violations.check("email", EmailAddress::parse("Ann@Example.com"));
    let phone_number = violations.check("phone number", PhoneNumber::parse(phone_number));
    if let Err(rules) = Password::choose(password, email.as_ref(), phone_number.as_ref()) {
        for rule in rules {
            violations.push("password", rule);
        }
    }
    match violations.into_result() {
        Ok(()) => vec!["registration: nothing to object to".to_owned()],
        Err(violations) => {
            violations.fields().map(|(field, messages)| format!("{field}: {}", messages.join(" "))).collect()
        }
    }
}

/// Three tries at a code: a wrong one, the right one, and the right one again.
fn one_time_code(now: DateTime<Utc>) -> Vec<String> {
    // A real program keeps an HMAC under a key of its own, and compares in constant time.
    let keyed_hash = |code: &Code| format!("a keyed hash of {}", code.expose());
    let Some(sent) = Code::from_number(4_217) else { return Vec::new() };
    let policy = CodePolicy::default();
    let (purpose, target) = (CodePurpose::EmailVerification, "ann@example.com".to_owned());
    let mut kept = OneTimeCode::issue(UserId(1), purpose, target, keyed_hash(&sent), policy, now);
    ["123456", "004217", "004217"]
        .into_iter()
        .filter_map(Code::parse)
        .zip(1..)
        .map(|(typed, minute)| {
            let verdict = kept.attempt(now + TimeDelta::minutes(minute), |digest| digest == keyed_hash(&typed));
            format!("code {} after {minute} min: {verdict:?}, {} tries left", typed.expose(), kept.attempts_left)
        })
        .collect()
}

/// Applications of one day until the plan's limit is reached.
fn daily_quota(now: DateTime<Utc>) -> Vec<String> {
    let mut quota = DailyQuota { limit: 2, used: 0 };
    let mut findings = Vec::new();
    loop {
        match quota.take() {
            Ok(after) => {
                findings.push(format!("application: sent, {} more today", after.remaining()));
                quota = after;
            }
            Err(exceeded) => {
                findings.push(format!("application: {exceeded} More from {}.", next_midnight(now)));
                return findings;
            }
        }
    }
}

#[test]
fn it_finds_what_the_rules_say() {
    main();
    assert_eq!(
        registration("+880 1711", "password1"),
        [
            "password: This password is too common.",
            "phone number: Contract number must contain 11 digits (e.g., 01XXXXXXXXX).",
        ]
    );
    assert_eq!(registration("01711111111", "correct horse"), ["registration: nothing to object to"]);
    assert_eq!(
        one_time_code(DateTime::UNIX_EPOCH),
        [
            "code 123456 after 1 min: Wrong, 4 tries left",
            "code 004217 after 2 min: Accepted, 3 tries left",
            "code 004217 after 3 min: Consumed, 3 tries left",
        ]
    );
    assert_eq!(
        daily_quota(DateTime::UNIX_EPOCH),
        [
            "application: sent, 1 more today",
            "application: sent, 0 more today",
            "application: You have reached your plan's limit of 2 job applications per day. More from 1970-01-02 00:00:00 UTC.",
        ]
    );
}
