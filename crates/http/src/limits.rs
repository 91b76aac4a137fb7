use std::time::Duration;

use actix_web::dev::ServiceResponse;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::web::Data;
use actix_web::{HttpMessage, HttpRequest};
use jobportal_application::{Actor, Allowance, DelayPolicy, Error, RateDecision, RatePolicy, TooEarly};
use jobportal_domain::{EmailAddress, PhoneNumber};

use crate::error::ApiError;
use crate::{App, audit, client};

const fn policy(name: &'static str, quota: u32, seconds: u64) -> RatePolicy {
    RatePolicy { name, quota, window: Duration::from_secs(seconds) }
}

/// Delays of what is tried with one account: a guesser who never stops has fewer than a hundred tries a day.
const fn delays(name: &'static str) -> DelayPolicy {
    DelayPolicy { name, free: 5, first: Duration::from_secs(1), longest: Duration::from_secs(15 * 60) }
}

/// Registrations from one address.
pub(crate) const REGISTER: RatePolicy = policy("register", 60, 3_600);
/// Registrations with one e-mail address.
pub(crate) const REGISTER_ACCOUNT: DelayPolicy = delays("register_account");
/// Tries to sign in, from one address.
pub(crate) const SIGN_IN: RatePolicy = policy("sign_in", 60, 60);
/// Tries to sign in to one account.
pub(crate) const SIGN_IN_ACCOUNT: DelayPolicy = delays("sign_in_account");
/// Tries of the present password by one user who is signed in.
pub(crate) const CHANGE_PASSWORD: RatePolicy = policy("change_password", 10, 60);
/// Everything that one user writes.
const WRITE: RatePolicy = policy("write", 300, 60);
/// Tries of one-time codes, from one address.
pub(crate) const CODE: RatePolicy = policy("code", 60, 60);
/// Tries of one-time codes of one account. Guessers use up the tries of the first codes; by then they wait for longer than a code
/// lives, and the tries of the next one are left to its owner.
pub(crate) const CODE_ACCOUNT: DelayPolicy = delays("code_account");
/// Tries of one-time codes by one user who is signed in.
pub(crate) const CODE_USER: RatePolicy = policy("code_user", 10, 600);
/// Codes asked for, from one address.
pub(crate) const SEND_CODE: RatePolicy = policy("send_code", 30, 3_600);
/// Codes asked for one account: each one is a mail to somebody. Strangers get at most four of the five codes that the domain allows
/// an account within an hour; so there is one for its owner, whatever others ask for.
const fn codes(name: &'static str) -> DelayPolicy {
    let half_an_hour = Duration::from_secs(30 * 60);
    DelayPolicy { name, free: 3, first: half_an_hour, longest: half_an_hour }
}
/// Codes asked for one account, or for an address that an account is to have.
pub(crate) const SEND_CODE_ACCOUNT: DelayPolicy = codes("send_code_account");
/// Codes for a new password asked for one account. They have a count of their own, so that each request of a stranger that is counted sends
/// the owner a mail, with which the password can be reset: whoever takes the turn, the owner gets the code.
pub(crate) const SEND_RESET_ACCOUNT: DelayPolicy = codes("send_reset_account");

/// Counts a request towards what its network address may do.
pub(crate) async fn by_address(app: &App, request: &HttpRequest, policy: &RatePolicy) -> Result<(), ApiError> {
    if let Some(network) = client::network(app, request) {
        tell(request, take(app, &network, policy).await?);
    }
    Ok(())
}

/// A try at a secret of an account, which counts as failed until it has succeeded.
#[must_use]
pub(crate) struct Attempt {
    key: String,
    policy: &'static DelayPolicy,
}

impl Attempt {
    /// Whether it comes from a network where the account's owner was before.
    pub(crate) fn is_known(&self) -> bool {
        self.key.starts_with(KNOWN)
    }

    /// Lets a user who mistyped begin anew. Where a stranger has succeeded, others may be guessing still: their failures stay,
    /// and the network of the one who has succeeded is known from now on.
    pub(crate) async fn succeeded(self, app: &App) {
        if let Some(limiter) = &app.limiter
            && self.is_known()
        {
            limiter.succeed(&self.key, self.policy).await;
        }
    }
}

/// No key of a stranger begins so, whatever name was given.
const KNOWN: &str = "known ";
const STRANGER: &str = "stranger ";

/// Counts a try at an account, by the name the client gave for it.
///
/// Each network from which its owner has come before is counted for itself, and all others together: who guesses from a thousand
/// addresses guesses no faster, and keeps out nobody but other strangers. Whether there is such an account, and which networks
/// are known, decides what is counted together and shows in no answer.
///
/// How much is left is not told: it would tell anyone with one request how often the account's owner, or someone else, has
/// tried of late. A refusal names the policy, with the delay that holds by now; all it says besides is in `Retry-After` too.
pub(crate) async fn by_account(
    app: &Data<App>,
    request: &HttpRequest,
    account: &str,
    policy: &'static DelayPolicy,
) -> Result<Attempt, ApiError> {
    let name = account_key(account);
    audit::note_account(app, request, &name);
    let Some(limiter) = &app.limiter else { return Ok(Attempt { key: format!("{STRANGER}{name}"), policy }) };
    let key = match client::network(app, request) {
        Some(network) if is_known(app, account, &network).await? => format!("{KNOWN}{network} {name}"),
        _ => format!("{STRANGER}{name}"),
    };
    match limiter.attempt(&key, policy).await {
        Ok(()) => Ok(Attempt { key, policy }),
        Err(TooEarly { delay, wait }) => Err(refused(RatePolicy { name: policy.name, quota: 1, window: delay }, wait)),
    }
}

async fn is_known(app: &Data<App>, account: &str, network: &str) -> Result<bool, ApiError> {
    let (account, network) = (account.to_owned(), network.to_owned());
    app.run(move |app| app.accounts.knows_network(&account, &network)).await
}

/// One key for all spellings of an address or a number. What is neither names no account; it is cut, because keys are kept.
fn account_key(name: &str) -> String {
    match (EmailAddress::parse(name), PhoneNumber::parse(name)) {
        (Ok(email), _) => email.to_string(),
        (_, Ok(number)) => number.to_string(),
        _ => name.chars().take(64).collect(),
    }
}

/// Counts a request towards what one user who is signed in may do.
pub(crate) async fn by_user(
    app: &App,
    request: &HttpRequest,
    actor: &Actor,
    policy: &RatePolicy,
) -> Result<(), ApiError> {
    tell(request, take(app, &actor.user_id.to_string(), policy).await?);
    Ok(())
}

/// Counts a request that writes, by whoever is signed in.
pub(crate) async fn writes(app: &App, request: &HttpRequest, actor: &Actor) -> Result<(), ApiError> {
    if request.method().is_safe() { Ok(()) } else { by_user(app, request, actor, &WRITE).await }
}

async fn take(app: &App, key: &str, policy: &RatePolicy) -> Result<Option<Allowance>, ApiError> {
    let Some(limiter) = &app.limiter else { return Ok(None) };
    let RateDecision { allowed, remaining, reset_after } = limiter.take(key, policy).await;
    if allowed {
        return Ok(Some(Allowance { policy: *policy, remaining, reset_after }));
    }
    Err(refused(*policy, reset_after))
}

fn refused(policy: RatePolicy, retry_after: Duration) -> ApiError {
    let message = format!("Request was throttled. Expected available in {} seconds.", whole_seconds(retry_after));
    Error::LimitReached { policy, message, retry_after }.into()
}

/// A wait in whole seconds, after which it is surely over.
pub(crate) fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1)
}

/// What the answer to a request will tell of the policies that counted it.
#[derive(Default)]
struct Told(Vec<Allowance>);

/// Tells the client with the answer to `request` where it stands.
pub(crate) fn tell(request: &HttpRequest, allowance: impl Into<Option<Allowance>>) {
    if let Some(allowance) = allowance.into() {
        request.extensions_mut().get_or_insert(Told::default()).0.push(allowance);
    }
}

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Writes the policies that counted a request, and the one that refused it, into the headers of its answer, in the form of
/// draft-ietf-httpapi-ratelimit-headers: `RateLimit-Policy: "write";q=300;w=60` and `RateLimit: "write";r=299;t=42`.
pub(crate) fn told(mut response: ServiceResponse) -> ServiceResponse {
    let mut told = response.request().extensions_mut().remove::<Told>().unwrap_or_default().0;
    let error = response.response().error().and_then(|error| error.as_error::<ApiError>());
    if let Some(ApiError::UseCase(Error::LimitReached { policy, retry_after, .. })) = error {
        told.push(Allowance { policy: *policy, remaining: 0, reset_after: *retry_after });
    }
    if told.is_empty() {
        return response;
    }
    let policies = list(&told, |Allowance { policy, .. }| {
        format!("\"{}\";q={};w={}", policy.name, policy.quota, policy.window.as_secs())
    });
    let limits = list(&told, |Allowance { policy, remaining, reset_after }| {
        format!("\"{}\";r={remaining};t={}", policy.name, whole_seconds(*reset_after))
    });
    for (name, value) in [(RATE_LIMIT_POLICY, policies), (RATE_LIMIT, limits)] {
        // Names of policies are plain ASCII, so this can't fail.
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn list(told: &[Allowance], item: impl Fn(&Allowance) -> String) -> String {
    told.iter().map(item).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use actix_web::http::StatusCode;
    use actix_web::test::{TestRequest, call_service, init_service};
    use actix_web::{App, HttpResponse, web};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Status, `RateLimit-Policy` and `RateLimit` of what a handler answers who tells of `allowances`, and refuses or not.
    async fn answer(
        allowances: &[Allowance],
        refusal: Option<RatePolicy>,
    ) -> (StatusCode, Option<String>, Option<String>) {
        let told = allowances.to_vec();
        let handler = move |request: HttpRequest| {
            for allowance in &told {
                tell(&request, *allowance);
            }
            let refused = |policy| Error::LimitReached { policy, message: "No.".to_owned(), retry_after: 7 * SECOND };
            std::future::ready(match refusal {
                Some(policy) => Err(ApiError::from(refused(policy))),
                None => Ok(HttpResponse::Ok().finish()),
            })
        };
        let resource = web::resource("/").route(web::get().to(handler));
        let app = init_service(App::new().service(resource)).await;
        let response = super::told(call_service(&app, TestRequest::default().to_request()).await);
        let header = |name| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        (response.status(), header(RATE_LIMIT_POLICY), header(RATE_LIMIT))
    }

    #[actix_web::test]
    async fn an_answer_tells_of_all_policies_in_one_list_and_of_none_in_no_header() {
        assert_eq!(answer(&[], None).await, (StatusCode::OK, None, None));
        let write = Allowance { policy: WRITE, remaining: 299, reset_after: 42 * SECOND };
        let other = Allowance { policy: CODE, remaining: 0, reset_after: Duration::from_millis(1_001) };
        let expected = (
            StatusCode::OK,
            Some("\"write\";q=300;w=60, \"code\";q=60;w=60".to_owned()),
            Some("\"write\";r=299;t=42, \"code\";r=0;t=2".to_owned()),
        );
        assert_eq!(answer(&[write, other], None).await, expected);
    }

    #[actix_web::test]
    async fn a_refusal_names_its_policy_after_those_that_allowed() {
        let sign_in = Allowance { policy: SIGN_IN, remaining: 3, reset_after: 9 * SECOND };
        let expected = (
            StatusCode::TOO_MANY_REQUESTS,
            Some("\"sign_in\";q=60;w=60, \"write\";q=300;w=60".to_owned()),
            Some("\"sign_in\";r=3;t=9, \"write\";r=0;t=7".to_owned()),
        );
        assert_eq!(answer(&[sign_in], Some(WRITE)).await, expected);
    }

    #[test]
    fn a_wait_is_over_after_its_whole_seconds() {
        let waits = [(0, 1), (1, 1), (1_000, 1), (1_001, 2), (86_399_999, 86_400)];
        for (millis, seconds) in waits {
            assert_eq!(whole_seconds(Duration::from_millis(millis)), seconds);
        }
        assert_eq!(whole_seconds(Duration::MAX), u64::MAX);
    }

    #[test]
    fn one_account_has_one_key_in_every_spelling_and_no_key_is_long() {
        assert_eq!(account_key(" Ann@Example.com "), "ann@example.com");
        for spelling in [" 01711111170", "+8801711111170", "8801711111170", "+88001711111170"] {
            assert_eq!(account_key(spelling), "01711111170");
        }
        assert_ne!(account_key("user 1"), account_key("user 2"));
        assert_eq!(account_key(&"ä".repeat(1_000_000)).chars().count(), 64);
    }
}
