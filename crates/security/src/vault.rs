use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Prk, Salt};
use aws_lc_rs::{constant_time, hmac};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jobportal_application::{Result, Vault};

use crate::failed;

/// Begins every sealed value, so that a later form can be told from this one.
const VERSION: &str = "v1.";

/// Hashes with HMAC-SHA256 and seals with AES-256-GCM.
pub struct ServerVault {
    present: Keys,
    former: Vec<Keys>,
}

struct Keys {
    digest: hmac::Key,
    sealing: RandomizedNonceKey,
}

impl ServerVault {
    /// A vault whose keys are derived from the secret of the server.
    pub fn new(secret: &str) -> Result<Self> {
        Ok(Self { present: Keys::new(secret)?, former: Vec::new() })
    }

    /// Knows and opens too what was made under a former secret.
    pub fn and_secret(mut self, secret: &str) -> Result<Self> {
        self.former.push(Keys::new(secret)?);
        Ok(self)
    }

    fn all(&self) -> impl Iterator<Item = &Keys> {
        std::iter::once(&self.present).chain(&self.former)
    }
}

impl Keys {
    /// Derives them with HKDF-SHA256, under one label each.
    fn new(secret: &str) -> Result<Self> {
        let secret = Salt::new(HKDF_SHA256, b"jobportal vault").extract(secret.as_bytes());
        let sealing_key = RandomizedNonceKey::new(&AES_256_GCM, &derive(&secret, b"seal v1")?);
        Ok(Self {
            digest: hmac::Key::new(hmac::HMAC_SHA256, &derive(&secret, b"digest v1")?),
            sealing: sealing_key.map_err(|_| failed("a key could not be made"))?,
        })
    }

    fn digest(&self, context: &str, secret: &str) -> String {
        let mut mac = hmac::Context::with_key(&self.digest);
        for part in [context, secret] {
            // The length goes first, so that no other context and secret run together to the same bytes.
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.sign().as_ref().iter().fold(String::with_capacity(64), |hex, byte| hex + &format!("{byte:02x}"))
    }

    fn unseal(&self, sealed: &str) -> Option<String> {
        let mut bytes = URL_SAFE_NO_PAD.decode(sealed.strip_prefix(VERSION)?).ok()?;
        let (nonce, content) = bytes.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let plain = self.sealing.open_in_place(nonce, Aad::from(VERSION), content).ok()?;
        String::from_utf8(plain.to_vec()).ok()
    }
}

fn derive(secret: &Prk, label: &[u8]) -> Result<[u8; 32]> {
    let mut key = [0; 32];
    secret
        .expand(&[label], HKDF_SHA256)
        .and_then(|material| material.fill(&mut key))
        .map_err(|_| failed("a key could not be derived"))?;
    Ok(key)
}

impl Vault for ServerVault {
    fn digest(&self, context: &str, secret: &str) -> String {
        self.present.digest(context, secret)
    }

    fn matches(&self, context: &str, secret: &str, digest: &str) -> bool {
        let is_made_under = |keys: &Keys| {
            let made = keys.digest(context, secret);
            constant_time::verify_slices_are_equal(made.as_bytes(), digest.as_bytes()).is_ok()
        };
        // All keys are tried, whichever fits.
        self.all().fold(false, |found, keys| is_made_under(keys) | found)
    }

    fn seal(&self, plain: &str) -> Result<String> {
        let mut sealed = plain.as_bytes().to_vec();
        let nonce = self
            .present
            .sealing
            .seal_in_place_append_tag(Aad::from(VERSION), &mut sealed)
            .map_err(|_| failed("a value could not be sealed"))?;
        let nonce: &[u8; NONCE_LEN] = nonce.as_ref();
        Ok(format!("{VERSION}{}", URL_SAFE_NO_PAD.encode([nonce, sealed.as_slice()].concat())))
    }

    fn open(&self, sealed: &str) -> Result<String> {
        self.all()
            .find_map(|keys| keys.unseal(sealed))
            .ok_or_else(|| failed("a sealed value was changed, or sealed under another secret"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault() -> ServerVault {
        ServerVault::new("the secret of the server").unwrap()
    }

    #[test]
    fn opens_what_it_sealed() {
        for plain in ["123456", "", "żółć", &"x".repeat(10_000)] {
            let sealed = vault().seal(plain).unwrap();
            assert!(sealed.starts_with("v1."));
            assert_eq!(vault().open(&sealed).unwrap(), plain);
        }
    }

    #[test]
    fn sealing_twice_tells_nothing_about_the_value() {
        assert_ne!(vault().seal("123456").unwrap(), vault().seal("123456").unwrap());
    }

    #[test]
    fn opens_nothing_else() {
        let sealed = vault().seal("123456").unwrap();
        for at in 0..sealed.len() {
            let other = if &sealed[at..=at] == "A" { "B" } else { "A" };
            let changed = format!("{}{other}{}", &sealed[..at], &sealed[at + 1..]);
            assert!(vault().open(&changed).is_err(), "{changed}");
            assert!(vault().open(&sealed[..at]).is_err(), "cut to {at}");
        }
        for garbage in [format!("{sealed}A"), format!("{sealed}="), "123456".to_owned(), "v1.é".to_owned()] {
            assert!(vault().open(&garbage).is_err(), "{garbage}");
        }
        assert!(ServerVault::new("another secret").unwrap().open(&sealed).is_err());
    }

    #[test]
    fn an_error_does_not_show_the_value() {
        let error = vault().open("v1.c2VjcmV0").unwrap_err();
        assert!(!format!("{error:?}").contains("c2VjcmV0"));
    }

    #[test]
    fn knows_a_secret_by_its_digest_in_its_context_alone() {
        let digest = vault().digest("code:1", "123456");
        assert_eq!(digest.len(), 64);
        assert_eq!(digest, vault().digest("code:1", "123456"));
        assert!(vault().matches("code:1", "123456", &digest));
        for (context, secret, digest) in [
            ("code:1", "123457", digest.as_str()),
            ("code:2", "123456", &digest),
            ("code:11", "23456", &digest),
            ("code:1", "123456", ""),
            ("code:1", "123456", &digest[..63]),
            ("code:1", "123456", &digest.to_uppercase()),
        ] {
            assert!(!vault().matches(context, secret, digest), "{context} {secret} {digest}");
        }
        assert!(!ServerVault::new("another secret").unwrap().matches("code:1", "123456", &digest));
    }

    #[test]
    fn what_was_made_under_a_former_secret_is_known_until_that_is_taken_away() {
        let (sealed, digest) = (vault().seal("123456").unwrap(), vault().digest("code:1", "123456"));
        let next = || ServerVault::new("the next secret").unwrap();
        let rotated = next().and_secret("the secret of the server").unwrap();
        assert_eq!(rotated.open(&sealed).unwrap(), "123456");
        assert!(rotated.matches("code:1", "123456", &digest));
        assert!(!rotated.matches("code:1", "123457", &digest));
        assert!(next().open(&sealed).is_err() && !next().matches("code:1", "123456", &digest));
        assert_eq!(
            rotated.digest("code:1", "123456"),
            next().digest("code:1", "123456"),
            "new ones are under the new one"
        );
        assert_eq!(next().open(&rotated.seal("1").unwrap()).unwrap(), "1");
    }

    #[test]
    fn context_and_secret_do_not_run_together() {
        assert_ne!(vault().digest("ab", "c"), vault().digest("a", "bc"));
    }
}
