use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use jobportal_application::{AccessClaims, AccessTokens, Result};
use moka::sync::Cache;

/// The most bytes that are remembered, about: some 30,000 tokens.
const MAX_BYTES: u64 = 32 * 1024 * 1024;

/// What the claims of a token take, about.
const CLAIMS_BYTES: usize = 512;

/// How long the verdict on a token is remembered, so that those which nobody sends any more take no place.
const LIFETIME: Duration = Duration::from_secs(10 * 60);

/// Remembers which tokens were verified, because a signature takes longer to check than most answers take to give.
///
/// Only what was accepted is remembered, under the whole token, and never past its end. Whether its session was ended is asked
/// at each request, as without this.
pub struct VerifiedTokens {
    tokens: Arc<dyn AccessTokens>,
    verified: Cache<Arc<str>, Arc<AccessClaims>>,
}

impl VerifiedTokens {
    /// Remembers what `tokens` accepts.
    pub fn new(tokens: Arc<dyn AccessTokens>) -> Self {
        let weigh =
            |token: &Arc<str>, _: &Arc<AccessClaims>| u32::try_from(token.len() + CLAIMS_BYTES).unwrap_or(u32::MAX);
        let verified = Cache::builder().max_capacity(MAX_BYTES).weigher(weigh).time_to_live(LIFETIME).build();
        Self { tokens, verified }
    }
}

impl AccessTokens for VerifiedTokens {
    fn issue(&self, claims: &AccessClaims) -> Result<String> {
        self.tokens.issue(claims)
    }

    fn verify(&self, token: &str, now: DateTime<Utc>) -> Option<AccessClaims> {
        if let Some(claims) = self.verified.get(token) {
            return Some(AccessClaims::clone(&claims)).filter(|claims| now < claims.expires_at);
        }
        let claims = self.tokens.verify(token, now)?;
        self.verified.insert(token.into(), Arc::new(claims.clone()));
        Some(claims)
    }

    fn public_keys(&self) -> Result<String> {
        self.tokens.public_keys()
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use jobportal_application::mocks::MockAccessTokens;
    use jobportal_application::samples::{CANDIDATE_USER, email, now, phone_number};
    use jobportal_domain::UserType;

    use super::*;

    fn claims() -> AccessClaims {
        AccessClaims {
            user_id: CANDIDATE_USER,
            user_type: UserType::Candidate,
            email: email("ann@example.com"),
            phone_number: phone_number("01711111111"),
            session_id: "session".to_owned(),
            must_enrol: false,
            issued_at: now(),
            expires_at: now() + TimeDelta::minutes(30),
        }
    }

    /// Remembers what a part says that accepts one token.
    fn tokens(asked: usize) -> VerifiedTokens {
        let mut tokens = MockAccessTokens::new();
        tokens.expect_verify().times(asked).returning(|token, _| (token == "good").then(claims));
        VerifiedTokens::new(Arc::new(tokens))
    }

    #[test]
    fn a_token_is_verified_once() {
        let tokens = tokens(1);
        for _ in 0..3 {
            assert_eq!(tokens.verify("good", now()), Some(claims()));
        }
    }

    #[test]
    fn a_token_is_dead_at_its_end() {
        let tokens = tokens(1);
        let end = claims().expires_at;
        assert!(tokens.verify("good", now()).is_some());
        assert!(tokens.verify("good", end - TimeDelta::microseconds(1)).is_some());
        assert_eq!(tokens.verify("good", end), None);
    }

    #[test]
    fn what_was_refused_is_looked_at_again_and_another_token_on_its_own() {
        let tokens = tokens(4);
        assert!(tokens.verify("good", now()).is_some());
        for refused in ["bad", "bad", "goo"] {
            assert_eq!(tokens.verify(refused, now()), None);
        }
    }
}
