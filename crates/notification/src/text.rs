use askama::Template;
use chrono::TimeDelta;
use jobportal_application::{Mail, Notification};
use jobportal_domain::{Code, SecurityChange};

/// The most characters that are shown of a name or title.
const SHOWN: usize = 80;

/// The plain text of a mail.
#[derive(Template)]
#[template(path = "mail.txt")]
pub(crate) struct TextBody<'a> {
    pub(crate) content: &'a Notification<Code>,
    pub(crate) until: &'a str,
}

/// The HTML of a mail.
#[derive(Template)]
#[template(path = "mail.html")]
pub(crate) struct HtmlBody<'a> {
    pub(crate) subject: &'a str,
    pub(crate) content: &'a Notification<Code>,
    pub(crate) until: &'a str,
}

/// The subject of a mail; `None` for a kind that has no template.
pub(crate) fn subject(content: &Notification<Code>) -> Option<String> {
    Some(match content {
        Notification::Welcome { .. } => "Welcome to the job portal: your verification code".to_owned(),
        Notification::PasswordReset { .. } => "Your code for a new password".to_owned(),
        Notification::EmailChange { .. } => "Your code for a new e-mail address".to_owned(),
        Notification::PhoneNumberChange { .. } => "Your code for a new phone number".to_owned(),
        Notification::SecondFactorEnrolment { .. } => "Your code to enrol a second factor".to_owned(),
        Notification::EmailTaken => "Somebody asked to use your e-mail address".to_owned(),
        Notification::PasswordChanged => "Your password was changed".to_owned(),
        Notification::SecurityChanged { change } => match SecurityChange::parse(change).ok()? {
            SecurityChange::EmailChanged => "Your e-mail address was changed".to_owned(),
            SecurityChange::PhoneNumberChanged => "Your phone number was changed".to_owned(),
            SecurityChange::SecondFactorEnrolled => "Your second factor is active".to_owned(),
            SecurityChange::SecondFactorRemoved => "Your second factor was removed".to_owned(),
            SecurityChange::RecoveryCodesRenewed => "You have new recovery codes".to_owned(),
            SecurityChange::RecoveryCodeUsed => "A recovery code was used".to_owned(),
            SecurityChange::SecondFactorGuessed => "Somebody guesses at your second factor".to_owned(),
            SecurityChange::Deactivated => "Your account was deactivated".to_owned(),
        },
        Notification::ApplicationReceived { job_title, .. } => format!("New application: {}", one_line(job_title)),
        Notification::ApplicationStatusChanged { job_title, .. } => {
            format!("Your application: {}", one_line(job_title))
        }
        Notification::SubscriptionExpired { plan } => format!("Your subscription has ended: {}", one_line(plan)),
        _ => return None,
    })
}

/// When the code of a mail ends, as a time of day: a mail may arrive long after it was asked for.
pub(crate) fn until(mail: &Mail) -> String {
    match mail.content {
        Notification::Welcome { valid_minutes, .. }
        | Notification::PasswordReset { valid_minutes, .. }
        | Notification::EmailChange { valid_minutes, .. }
        | Notification::PhoneNumberChange { valid_minutes, .. }
        | Notification::SecondFactorEnrolment { valid_minutes, .. } => {
            let lifetime = TimeDelta::try_minutes(valid_minutes).unwrap_or_default();
            (mail.created_at + lifetime).format("%H:%M UTC on %-d %B %Y").to_string()
        }
        _ => String::new(),
    }
}

/// What was changed; no line is too long for a plain text.
pub(crate) fn what(change: &str) -> &'static str {
    match SecurityChange::parse(change) {
        Ok(SecurityChange::EmailChanged) => {
            "The e-mail address of your account was changed. From now on mails go to\nthe new one."
        }
        Ok(SecurityChange::PhoneNumberChanged) => "The phone number of your account was changed.",
        Ok(SecurityChange::SecondFactorEnrolled) => {
            "From now on signing in to your account takes a code of your authenticator\napp, or a recovery code."
        }
        Ok(SecurityChange::SecondFactorRemoved) => {
            "The second factor of your account was removed. From now on signing in\ntakes the password alone."
        }
        Ok(SecurityChange::RecoveryCodesRenewed) => {
            "There are new recovery codes for your account. The former ones are\nworthless."
        }
        Ok(SecurityChange::RecoveryCodeUsed) => {
            "A recovery code of your account was used in place of a code of your\nauthenticator app."
        }
        Ok(SecurityChange::SecondFactorGuessed) => {
            "Somebody knows the password of your account, and gave several wrong codes\n\
             of an authenticator app. They did not get in."
        }
        Ok(SecurityChange::Deactivated) => {
            "Your account was deactivated. Nobody can sign in to it, and your profile\nand your jobs are not shown any more."
        }
        Err(_) => "",
    }
}

/// What to do about a change that the owner did not make.
pub(crate) fn advice(change: &str) -> &'static str {
    match SecurityChange::parse(change) {
        // A code for a new password would go to the new address, and to an account out of use none is sent.
        Ok(SecurityChange::EmailChanged | SecurityChange::Deactivated) => {
            "If it was not you, tell whoever runs this portal at once: nobody else can\ngive you the account back."
        }
        _ => {
            "If it was not you, somebody else has your password. Set a new one at once:\n\
             POST /account/password-reset/ with your e-mail address brings a code."
        }
    }
}

/// What a user wrote, as one short line.
pub(crate) fn one_line(text: &str) -> String {
    shorten(text, SHOWN)
}

/// A foreign text as one line of so many characters: line breaks and control characters would forge headers and paragraphs,
/// and marks that turn the direction of writing would disguise what follows.
pub(crate) fn shorten(text: &str, max: usize) -> String {
    let turns = |c| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let words: Vec<_> =
        text.split(|c: char| c.is_whitespace() || c.is_control() || turns(c)).filter(|word| !word.is_empty()).collect();
    let line = words.join(" ");
    match line.char_indices().nth(max) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default().trim_end()),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_users_wrote_is_one_short_line() {
        assert_eq!(one_line(" Rust\r\nBcc: x@y.example\0\t\u{202e}dev\u{2028} "), "Rust Bcc: x@y.example dev");
        assert_eq!(one_line(&"ä".repeat(80)), "ä".repeat(80));
        assert_eq!(one_line(&"ä".repeat(81)), format!("{}…", "ä".repeat(80)));
        assert_eq!(one_line("\r\n"), "");
    }
}
