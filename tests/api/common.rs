//! What several suites expect, and steps that they share.

use std::time::Duration;

use jobportal_application::{Outbox, OutboxEntry, OutboxFilter, PageRequest, SystemClock};
use jobportal_tests::app::{Account, TestApp};
use jobportal_tests::client::Answer;
use jobportal_tests::smtp::ReceivedMail;
use serde_json::{Value, json};

/// How long to wait for what the worker does.
const PATIENCE: Duration = Duration::from_secs(60);

/// An object with some keys changed or added.
pub(crate) fn with(mut base: Value, changes: &Value) -> Value {
    for (key, value) in changes.as_object().unwrap() {
        base[key] = value.clone();
    }
    base
}

/// A text in an answer.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// How the API shows an account, without what goes with its role.
pub(crate) fn contact(account: &Account, user_type: &str) -> Value {
    json!({
        "id": account.user,
        "email": account.email,
        "contract_number": account.phone_number,
        "user_type": user_type,
    })
}

/// How the API shows a candidate's profile that nothing was written in yet.
pub(crate) fn blank_candidate(account: &Account) -> Value {
    json!({
        "id": account.profile,
        "profile_details": null,
        "first_name": null,
        "last_name": null,
        "address": null,
        "profile_pic": null,
        "bio": null,
        "social_links": null,
        "gender": null,
        "birth_date": null,
        "user": account.user,
    })
}

/// How the API shows an employer's profile that nothing was written in yet.
pub(crate) fn blank_employer(account: &Account) -> Value {
    json!({
        "id": account.profile,
        "first_name": null,
        "last_name": null,
        "address": null,
        "website": null,
        "company_name": null,
        "profile_picture": null,
        "user": account.user,
    })
}

/// The one answer to every one-time code that is not accepted.
pub(crate) fn assert_code_rejected(answer: &Answer) {
    let body = json!({ "otp": ["OTP does not exist."], "email": ["Email does not exist."] });
    assert_eq!((answer.status, &answer.json), (400, &body));
}

/// The answer to a request without a good access token.
pub(crate) fn assert_unauthenticated(answer: &Answer) {
    assert_eq!((answer.status, answer.header("www-authenticate")), (401, "Bearer"), "{}", answer.json);
    assert!(answer.json["detail"].is_string() && answer.json.as_object().unwrap().len() == 1, "{}", answer.json);
}

/// Another code than this one.
pub(crate) fn other_code(code: &str) -> &'static str {
    if code == "123456" { "654321" } else { "123456" }
}

/// Sends a code.
pub(crate) async fn verify(app: &TestApp, email: &str, otp: &str) -> Answer {
    app.post("/account/verify_otp/", None, json!({ "email": email, "otp": otp })).await
}

/// Waits until so many mails came to an address.
pub(crate) async fn mails_to(app: &TestApp, address: &str, count: usize) -> Vec<ReceivedMail> {
    until(&format!("{count} mails to {address}"), || {
        let mails = app.smtp.mails().into_iter().filter(|mail| mail.to.iter().any(|to| to == address));
        Some(mails.collect::<Vec<_>>()).filter(|mails| mails.len() >= count)
    })
    .await
}

/// Waits until so many mails with such a subject came to an address. Mails that wait at once may come in any order.
pub(crate) async fn mails_titled(app: &TestApp, address: &str, subject: &str, count: usize) -> Vec<ReceivedMail> {
    until(&format!("{count} mails to {address} titled {subject}"), || {
        let is_meant =
            |mail: &ReceivedMail| mail.to.iter().any(|to| to == address) && mail.subject().starts_with(subject);
        let mails = app.smtp.mails().into_iter().filter(is_meant);
        Some(mails.collect::<Vec<_>>()).filter(|mails| mails.len() >= count)
    })
    .await
}

/// Everything in the outbox for an address, oldest first.
pub(crate) fn outbox(app: &TestApp, address: &str) -> Vec<OutboxEntry> {
    let outbox = Outbox::new(app.database.store(), std::sync::Arc::new(SystemClock));
    let mut entries = outbox.list(&OutboxFilter::default(), PageRequest::new(1, 100).unwrap()).unwrap().items;
    entries.retain(|entry| entry.recipient.as_str() == address);
    entries.reverse();
    entries
}

/// Waits until the only mail for an address has come so far.
pub(crate) async fn outbox_when(app: &TestApp, address: &str, reached: impl Fn(&OutboxEntry) -> bool) -> OutboxEntry {
    until(&format!("the mail to {address}"), || {
        let entries = outbox(app, address);
        assert!(entries.len() < 2, "{entries:?}");
        entries.into_iter().find(&reached)
    })
    .await
}

async fn until<T>(what: &str, mut happens: impl FnMut() -> Option<T>) -> T {
    let wait = async {
        loop {
            match happens() {
                Some(value) => return value,
                None => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("{what}: not after {PATIENCE:?}"))
}

/// One of each role, and another candidate and employer.
pub(crate) struct Cast {
    pub(crate) candidate: Account,
    pub(crate) other_candidate: Account,
    pub(crate) employer: Account,
    pub(crate) other_employer: Account,
    pub(crate) admin: Account,
}

impl Cast {
    pub(crate) async fn of(app: &TestApp) -> Self {
        Self {
            candidate: app.candidate().await,
            other_candidate: app.candidate().await,
            employer: app.employer().await,
            other_employer: app.employer().await,
            admin: app.admin().await,
        }
    }

    /// What each gets for one request: nobody signed in, the candidates, the employers, the admin.
    pub(crate) async fn answers(&self, app: &TestApp, method: &str, path: &str, body: Option<Value>) -> [Answer; 6] {
        let call = |token| app.client.call(method, path, token, body.clone());
        [
            call(None).await,
            call(Some(&self.candidate.token)).await,
            call(Some(&self.other_candidate.token)).await,
            call(Some(&self.employer.token)).await,
            call(Some(&self.other_employer.token)).await,
            call(Some(&self.admin.token)).await,
        ]
    }

    /// The statuses of [`Self::answers`].
    pub(crate) async fn statuses(&self, app: &TestApp, method: &str, path: &str, body: Option<Value>) -> [u16; 6] {
        self.answers(app, method, path, body).await.map(|answer| answer.status)
    }
}
