use chrono::{DateTime, Utc};
use jobportal_application::{AccessClaims, AccessTokens, Error, RandomSource, Result};
use jobportal_domain::{EmailAddress, PhoneNumber, UserId, UserType};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::OsRandom;

/// What a token says, by the names on the wire. The first five are the documented ones, the others are registered
/// (RFC 7519) but for `sid` and `enrol`.
#[derive(Serialize, Deserialize)]
struct Claims {
    id: i64,
    email: String,
    user_type: String,
    contact_number: String,
    exp: i64,
    iat: i64,
    iss: String,
    aud: String,
    sub: String,
    jti: String,
    sid: String,
    /// The bearer may do nothing but enrol a second factor.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    enrol: bool,
}

/// Access tokens in the form of JSON Web Tokens, signed with HS256.
#[derive(Clone)]
pub struct JwtTokens {
    signing_key: EncodingKey,
    verifying_key: DecodingKey,
    validation: Validation,
    issuer: String,
    audience: String,
}

impl JwtTokens {
    /// The longest token that is looked at; one of ours is below 1,200 bytes.
    const MAX_BYTES: usize = 4096;

    /// Tokens under `secret`, made and accepted only by `issuer` for `audience`.
    pub fn new(secret: &str, issuer: &str, audience: &str) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // The library would ask the clock of the machine; `verify` asks the caller.
        validation.validate_exp = false;
        Self {
            signing_key: EncodingKey::from_secret(secret.as_bytes()),
            verifying_key: DecodingKey::from_secret(secret.as_bytes()),
            validation,
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
        }
    }
}

impl AccessTokens for JwtTokens {
    fn issue(&self, claims: &AccessClaims) -> Result<String> {
        let claims = Claims {
            id: claims.user_id.0,
            email: claims.email.as_str().to_owned(),
            user_type: claims.user_type.as_str().to_owned(),
            contact_number: claims.phone_number.as_str().to_owned(),
            exp: claims.expires_at.timestamp(),
            iat: claims.issued_at.timestamp(),
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub: claims.user_id.to_string(),
            jti: OsRandom.public_id()?,
            sid: claims.session_id.clone(),
            enrol: claims.must_enrol,
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.signing_key)
            .map_err(|error| Error::Internal(error.into()))
    }

    fn verify(&self, token: &str, now: DateTime<Utc>) -> Option<AccessClaims> {
        if token.len() > Self::MAX_BYTES {
            return None;
        }
        let claims = jsonwebtoken::decode::<Claims>(token, &self.verifying_key, &self.validation).ok()?.claims;
        let expires_at = DateTime::from_timestamp(claims.exp, 0)?;
        if now >= expires_at {
            return None;
        }
        Some(AccessClaims {
            user_id: UserId(claims.id),
            user_type: UserType::parse(&claims.user_type).ok()?,
            email: EmailAddress::parse(&claims.email).ok()?,
            phone_number: PhoneNumber::parse(&claims.contact_number).ok()?,
            session_id: claims.sid,
            must_enrol: claims.enrol,
            issued_at: DateTime::from_timestamp(claims.iat, 0)?,
            expires_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use chrono::TimeDelta;

    use super::*;

    const SECRET: &str = "a secret of the tests";

    fn tokens() -> JwtTokens {
        JwtTokens::new(SECRET, "jobs.example", "api")
    }

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn claims() -> AccessClaims {
        AccessClaims {
            user_id: UserId(7),
            user_type: UserType::Employer,
            email: EmailAddress::parse("ann@example.com").unwrap(),
            phone_number: PhoneNumber::parse("01711111111").unwrap(),
            session_id: "session".to_owned(),
            must_enrol: false,
            issued_at: now(),
            expires_at: now() + TimeDelta::minutes(30),
        }
    }

    /// Signs any claims under any header with the right secret.
    fn signed(algorithm: Algorithm, change: impl FnOnce(&mut Claims)) -> String {
        let mut claims = Claims {
            id: 7,
            email: "ann@example.com".to_owned(),
            user_type: "employer".to_owned(),
            contact_number: "01711111111".to_owned(),
            exp: now().timestamp() + 60,
            iat: now().timestamp(),
            iss: "jobs.example".to_owned(),
            aud: "api".to_owned(),
            sub: "7".to_owned(),
            jti: "x".to_owned(),
            sid: "session".to_owned(),
            enrol: false,
        };
        change(&mut claims);
        let key = EncodingKey::from_secret(SECRET.as_bytes());
        jsonwebtoken::encode(&Header::new(algorithm), &claims, &key).unwrap()
    }

    #[test]
    fn reads_what_it_issued() {
        let token = tokens().issue(&claims()).unwrap();
        assert_eq!(tokens().verify(&token, now()), Some(claims()));
        assert!(tokens().verify(&signed(Algorithm::HS256, |_| ()), now()).is_some());
    }

    #[test]
    fn says_whether_its_bearer_must_enrol_a_second_factor() {
        let claims = AccessClaims { must_enrol: true, ..claims() };
        let token = tokens().issue(&claims).unwrap();
        assert_eq!(tokens().verify(&token, now()), Some(claims));
    }

    #[test]
    fn carries_the_documented_claims() {
        let token = tokens().issue(&claims()).unwrap();
        let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
        let payload = String::from_utf8(payload).unwrap();
        for claim in [
            r#""id":7"#,
            r#""email":"ann@example.com""#,
            r#""user_type":"employer""#,
            r#""contact_number":"01711111111""#,
            r#""exp":1800001800"#,
            r#""sub":"7""#,
        ] {
            assert!(payload.contains(claim), "{claim} in {payload}");
        }
    }

    #[test]
    fn two_tokens_of_one_moment_differ() {
        assert_ne!(tokens().issue(&claims()).unwrap(), tokens().issue(&claims()).unwrap());
    }

    #[test]
    fn a_token_is_dead_at_its_end() {
        let token = tokens().issue(&claims()).unwrap();
        let end = claims().expires_at;
        assert!(tokens().verify(&token, end - TimeDelta::microseconds(1)).is_some());
        assert!(tokens().verify(&token, end).is_none());
    }

    #[test]
    fn refuses_any_change() {
        let token = tokens().issue(&claims()).unwrap();
        for at in 0..token.len() {
            let other = if &token[at..=at] == "A" { "B" } else { "A" };
            let changed = format!("{}{other}{}", &token[..at], &token[at + 1..]);
            assert!(tokens().verify(&changed, now()).is_none(), "{changed}");
        }
        let (cut, _) = token.rsplit_once('.').unwrap();
        for changed in [cut, &format!("{cut}."), &token[1..], &format!("{token}."), &format!("{token} ")] {
            assert!(tokens().verify(changed, now()).is_none(), "{changed}");
        }
    }

    #[test]
    fn refuses_another_secret_issuer_or_audience() {
        let token = tokens().issue(&claims()).unwrap();
        for other in [
            JwtTokens::new("another secret", "jobs.example", "api"),
            JwtTokens::new(SECRET, "other.example", "api"),
            JwtTokens::new(SECRET, "jobs.example", "other"),
        ] {
            assert!(other.verify(&token, now()).is_none());
        }
    }

    #[test]
    fn refuses_other_algorithms_even_under_the_right_secret() {
        for algorithm in [Algorithm::HS384, Algorithm::HS512] {
            assert!(tokens().verify(&signed(algorithm, |_| ()), now()).is_none());
        }
        let token = tokens().issue(&claims()).unwrap();
        let payload = token.split('.').nth(1).unwrap();
        for none in ["none", "None", "NONE"] {
            let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"{none}","typ":"JWT"}}"#));
            assert!(tokens().verify(&format!("{header}.{payload}."), now()).is_none());
        }
    }

    #[test]
    fn refuses_claims_that_make_no_sense() {
        let changes: [fn(&mut Claims); 5] = [
            |c| c.user_type = "root".to_owned(),
            |c| c.email = "nobody".to_owned(),
            |c| c.contact_number = "1".to_owned(),
            |c| c.exp = i64::MAX,
            |c| c.iat = i64::MIN,
        ];
        for change in changes {
            assert!(tokens().verify(&signed(Algorithm::HS256, change), now()).is_none());
        }
        let key = EncodingKey::from_secret(SECRET.as_bytes());
        let empty: [(&str, &str); 0] = [];
        let bare = jsonwebtoken::encode(&Header::default(), &std::collections::BTreeMap::from(empty), &key).unwrap();
        assert!(tokens().verify(&bare, now()).is_none());
    }

    #[test]
    fn refuses_what_is_no_token() {
        for text in ["", ".", "..", "...", "a.b.c", "Bearer", "é.é.é"] {
            assert!(tokens().verify(text, now()).is_none(), "{text}");
        }
    }

    #[test]
    fn does_not_look_at_a_token_of_absurd_length() {
        let token = signed(Algorithm::HS256, |c| c.jti = "x".repeat(JwtTokens::MAX_BYTES));
        assert!(tokens().verify(&token, now()).is_none());
    }

    #[test]
    fn the_longest_claims_fit() {
        let longest = AccessClaims {
            user_id: UserId(i64::MAX),
            user_type: UserType::Candidate,
            email: EmailAddress::parse(&format!(
                "{}@{}.com",
                "a".repeat(64),
                ["b".repeat(60), "c".repeat(60), "d".repeat(60)].join(".")
            ))
            .unwrap(),
            session_id: OsRandom.public_id().unwrap(),
            ..claims()
        };
        let token = tokens().issue(&longest).unwrap();
        assert!(token.len() < 1200);
        assert_eq!(tokens().verify(&token, now()), Some(longest));
    }
}
