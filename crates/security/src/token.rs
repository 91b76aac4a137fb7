use chrono::{DateTime, Utc};
use jobportal_application::{AccessClaims, AccessTokens, Error, RandomSource, Result};
use jobportal_domain::{EmailAddress, PhoneNumber, UserId, UserType};
use serde::{Deserialize, Serialize};

use crate::{OsRandom, TokenKeys};

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

/// Access tokens in the form of JSON Web Tokens.
#[derive(Clone)]
pub struct JwtTokens {
    keys: TokenKeys,
    issuer: String,
    audience: String,
}

impl JwtTokens {
    /// The longest token that is looked at; one of ours is below 1,200 bytes.
    const MAX_BYTES: usize = 4096;

    /// Tokens under `keys`, made and accepted only by `issuer` for `audience`.
    pub fn new(keys: TokenKeys, issuer: &str, audience: &str) -> Self {
        Self { keys, issuer: issuer.to_owned(), audience: audience.to_owned() }
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
        let (header, key) = self.keys.signing();
        jsonwebtoken::encode(header, &claims, key).map_err(|error| Error::Internal(error.into()))
    }

    fn verify(&self, token: &str, now: DateTime<Utc>) -> Option<AccessClaims> {
        if token.len() > Self::MAX_BYTES {
            return None;
        }
        let name = jsonwebtoken::decode_header(token).ok()?.kid;
        let (key, mut validation) = self.keys.verifying(name.as_deref())?;
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // The library would ask the clock of the machine; the caller has said what time it is.
        validation.validate_exp = false;
        let claims = jsonwebtoken::decode::<Claims>(token, key, &validation).ok()?.claims;
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

    fn public_keys(&self) -> Result<String> {
        serde_json::to_string(self.keys.public()).map_err(|error| Error::Internal(error.into()))
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use chrono::TimeDelta;
    use jsonwebtoken::{Algorithm, EncodingKey, Header};

    use super::*;
    use crate::KeyError;

    const SECRET: &str = "a secret of the tests";

    fn tokens() -> JwtTokens {
        under(TokenKeys::symmetric(SECRET))
    }

    fn under(keys: TokenKeys) -> JwtTokens {
        JwtTokens::new(keys, "jobs.example", "api")
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
            under(TokenKeys::symmetric("another secret")),
            JwtTokens::new(TokenKeys::symmetric(SECRET), "other.example", "api"),
            JwtTokens::new(TokenKeys::symmetric(SECRET), "jobs.example", "other"),
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

    const ED_ONE: &str = include_str!("../tests/keys/ed25519-one.pem");
    const ED_TWO: &str = include_str!("../tests/keys/ed25519-two.pem");
    const RSA: &str = include_str!("../tests/keys/rsa-2048.pem");
    const RSA_PKCS1: &str = include_str!("../tests/keys/rsa-2048-pkcs1.pem");
    const RSA_WEAK: &str = include_str!("../tests/keys/rsa-1024.pem");
    const ED_ONE_PUBLIC: &str = include_str!("../tests/keys/ed25519-one.pub.pem");
    const RSA_PUBLIC: &str = include_str!("../tests/keys/rsa-2048.pub.pem");
    const RSA_WEAK_PUBLIC: &str = include_str!("../tests/keys/rsa-1024.pub.pem");
    const EC_PUBLIC: &str = include_str!("../tests/keys/p256.pub.pem");

    fn private(pem: &str) -> TokenKeys {
        TokenKeys::asymmetric(pem).unwrap()
    }

    fn header_of(token: &str) -> serde_json::Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap()).unwrap()
    }

    fn accepts(tokens: &JwtTokens, token: &str) -> bool {
        tokens.verify(token, now()) == Some(claims())
    }

    #[test]
    fn a_key_signs_with_its_algorithm_and_its_name() {
        for (keys, algorithm) in [
            (TokenKeys::symmetric(SECRET), "HS256"),
            (private(ED_ONE), "EdDSA"),
            (private(RSA), "RS256"),
            (private(RSA_PKCS1), "RS256"),
        ] {
            let tokens = under(keys);
            let token = tokens.issue(&claims()).unwrap();
            let header = header_of(&token);
            assert_eq!((header["alg"].as_str(), header["typ"].as_str()), (Some(algorithm), Some("JWT")));
            assert!(header["kid"].as_str().unwrap().len() >= 16);
            assert!(accepts(&tokens, &token), "{algorithm}");
        }
        let kid = |keys| header_of(&under(keys).issue(&claims()).unwrap())["kid"].clone();
        assert_eq!(kid(private(RSA)), kid(private(RSA_PKCS1)), "the name is that of the key");
        assert_ne!(kid(private(ED_ONE)), kid(private(ED_TWO)));
    }

    #[test]
    fn tokens_of_former_keys_are_good_until_those_are_taken_away() {
        let former_secret = under(TokenKeys::symmetric(SECRET)).issue(&claims()).unwrap();
        let former_ed = under(private(ED_ONE)).issue(&claims()).unwrap();
        let former_rsa = under(private(RSA)).issue(&claims()).unwrap();
        let both = format!("{ED_ONE_PUBLIC}\n{RSA_PUBLIC}");
        let rotated = under(private(ED_TWO).and_public(&both).unwrap().and_secret(SECRET));
        for token in [&former_secret, &former_ed, &former_rsa, &rotated.issue(&claims()).unwrap()] {
            assert!(accepts(&rotated, token));
        }
        let later = under(private(ED_TWO));
        for token in [&former_secret, &former_ed, &former_rsa] {
            assert!(!accepts(&later, token));
        }
        let other_secret = under(TokenKeys::symmetric("the next secret").and_secret(SECRET));
        assert!(accepts(&other_secret, &former_secret));
        assert_ne!(header_of(&other_secret.issue(&claims()).unwrap()), header_of(&former_secret));
    }

    #[test]
    fn a_token_that_names_no_key_is_good_under_the_secret_that_signs_alone() {
        let unnamed = signed(Algorithm::HS256, |_| ());
        assert!(tokens().verify(&unnamed, now()).is_some());
        let former = under(TokenKeys::symmetric("the next secret").and_secret(SECRET));
        assert!(former.verify(&unnamed, now()).is_none());
        assert!(under(private(ED_ONE).and_secret(SECRET)).verify(&unnamed, now()).is_none());
    }

    #[test]
    fn the_algorithm_is_that_of_the_key_and_never_that_of_the_token() {
        // The public key of a server is known, so it must not serve as a secret.
        let tokens = under(private(RSA).and_public(ED_ONE_PUBLIC).unwrap());
        let kids: Vec<String> =
            tokens.keys.public().keys.iter().map(|key| key.common.key_id.clone().unwrap()).collect();
        for public in [RSA_PUBLIC, ED_ONE_PUBLIC] {
            for kid in &kids {
                for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
                    let header = Header { kid: Some(kid.clone()), ..Header::new(algorithm) };
                    let key = EncodingKey::from_secret(public.as_bytes());
                    let payload = serde_json::json!({ "sub": "7" });
                    let forged = jsonwebtoken::encode(&header, &payload, &key).unwrap();
                    assert!(tokens.verify(&forged, now()).is_none());
                }
            }
        }
        // A right signature of another algorithm of the same key is none either.
        let header = Header { kid: kids.first().cloned(), ..Header::new(Algorithm::PS256) };
        let good = tokens.issue(&claims()).unwrap();
        let payload = URL_SAFE_NO_PAD.decode(good.split('.').nth(1).unwrap()).unwrap();
        let payload: serde_json::Value = serde_json::from_slice(&payload).unwrap();
        let other =
            jsonwebtoken::encode(&header, &payload, &EncodingKey::from_rsa_pem(RSA.as_bytes()).unwrap()).unwrap();
        assert!(tokens.verify(&other, now()).is_none());
        for name in ["", "unknown", "../../etc/passwd"] {
            let header = Header { kid: Some(name.to_owned()), ..Header::new(Algorithm::HS256) };
            let key = EncodingKey::from_secret(SECRET.as_bytes());
            let forged = jsonwebtoken::encode(&header, &payload, &key).unwrap();
            assert!(super::tests::tokens().verify(&forged, now()).is_none(), "{name}");
        }
    }

    #[test]
    fn public_keys_are_told_and_secrets_are_not() {
        assert_eq!(tokens().public_keys().unwrap(), r#"{"keys":[]}"#);
        let tokens = under(private(ED_TWO).and_public(RSA_PUBLIC).unwrap().and_secret(SECRET));
        let told = tokens.public_keys().unwrap();
        let set: serde_json::Value = serde_json::from_str(&told).unwrap();
        let keys = set["keys"].as_array().unwrap();
        let kinds: Vec<_> = keys.iter().map(|key| (key["kty"].as_str(), key["alg"].as_str())).collect();
        assert_eq!(kinds, [(Some("OKP"), Some("EdDSA")), (Some("RSA"), Some("RS256"))]);
        assert_eq!(keys[0]["kid"], header_of(&tokens.issue(&claims()).unwrap())["kid"]);
        for key in keys {
            assert_eq!(key["use"], "sig");
            for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
                assert!(key.get(private).is_none(), "{told}");
            }
        }
        assert!(!format!("{:?}", tokens.keys).contains(SECRET));
    }

    #[test]
    fn a_key_that_is_none_or_weak_is_refused() {
        assert_eq!(TokenKeys::asymmetric(RSA_WEAK).unwrap_err(), KeyError::Malformed, "the library takes no such key");
        assert_eq!(tokens().keys.and_public(RSA_WEAK_PUBLIC).unwrap_err(), KeyError::Weak);
        for pem in [
            "",
            "x",
            ED_ONE_PUBLIC,
            RSA_PUBLIC,
            EC_PUBLIC,
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
        ] {
            assert_eq!(TokenKeys::asymmetric(pem).unwrap_err(), KeyError::Malformed, "{pem}");
        }
        for pems in ["x", ED_ONE, RSA, EC_PUBLIC, &format!("{ED_ONE_PUBLIC}x")] {
            assert!(tokens().keys.and_public(pems).is_err(), "{pems}");
        }
        assert!(tokens().keys.and_public("\n").is_ok());
    }
}
