use bcrypt::BcryptError;
use jobportal_application::{Error, PasswordHasher, Result};
use jobportal_domain::{MAX_PASSWORD_BYTES, Password, PasswordHash};
use thiserror::Error as ThisError;

/// Why a [`BcryptHasher`] was not made.
#[derive(Debug, ThisError)]
pub enum HasherError {
    /// bcrypt has no such cost.
    #[error("the cost of a password hash must be from 4 to 31, not {0}")]
    Cost(u32),
    /// The random source of the operating system is away.
    #[error("no password can be hashed")]
    Hash(#[source] BcryptError),
}

/// Hashes passwords with bcrypt.
#[derive(Clone)]
pub struct BcryptHasher {
    cost: u32,
    decoy: PasswordHash,
}

impl BcryptHasher {
    /// A hasher that doubles its work with each step of `cost`: 4 for tests, 12 takes about a third of a second.
    pub fn new(cost: u32) -> Result<Self, HasherError> {
        let hash = bcrypt::hash("", cost).map_err(|error| match error {
            BcryptError::CostNotAllowed(cost) => HasherError::Cost(cost),
            other => HasherError::Hash(other),
        })?;
        Ok(Self { cost, decoy: PasswordHash::new(hash) })
    }
}

impl PasswordHasher for BcryptHasher {
    fn hash(&self, password: &Password) -> Result<PasswordHash> {
        let hash = bcrypt::hash(password.expose(), self.cost).map_err(|error| Error::Internal(error.into()))?;
        Ok(PasswordHash::new(hash))
    }

    fn verify(&self, attempt: &str, hash: &PasswordHash) -> bool {
        // The length is checked here because bcrypt's `verify` cuts at 72 bytes, and its `non_truncating_verify` refuses
        // a password of exactly 72 too.
        attempt.len() <= MAX_PASSWORD_BYTES && bcrypt::verify(attempt, hash.expose()).unwrap_or(false)
    }

    fn verify_nothing(&self, attempt: &str) {
        std::hint::black_box(self.verify(attempt, &self.decoy));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hasher() -> BcryptHasher {
        BcryptHasher::new(4).unwrap()
    }

    fn hash(raw: &str) -> PasswordHash {
        hasher().hash(&Password::choose(raw, None, None).unwrap()).unwrap()
    }

    #[test]
    fn knows_the_password_again_and_no_other() {
        let hash = hash("correct horse");
        assert!(hash.expose().starts_with("$2b$04$"));
        assert!(hasher().verify("correct horse", &hash));
        for other in ["", "Correct horse", "correct horse ", "correct hors"] {
            assert!(!hasher().verify(other, &hash), "{other:?}");
        }
    }

    #[test]
    fn two_hashes_of_one_password_differ() {
        assert_ne!(hash("correct horse"), hash("correct horse"));
    }

    #[test]
    fn reads_all_of_the_longest_password_and_nothing_longer() {
        let longest = "aB3$".repeat(18);
        let hash = hash(&longest);
        assert!(hasher().verify(&longest, &hash));
        assert!(!hasher().verify(&format!("{}x", &longest[..71]), &hash));
        assert!(!hasher().verify(&format!("{longest}x"), &hash));
    }

    #[test]
    fn a_malformed_hash_matches_nothing() {
        let valid = hash("correct horse");
        for malformed in ["", "$", "plain", "$2b$04$", "$2b$99$", &valid.expose()[..59], &"é".repeat(30)] {
            assert!(!hasher().verify("correct horse", &PasswordHash::new(malformed)), "{malformed}");
        }
        let cost_99 = valid.expose().replacen("$04$", "$99$", 1);
        assert!(!hasher().verify("correct horse", &PasswordHash::new(cost_99)));
    }

    #[test]
    fn an_unknown_account_costs_as_much_as_a_known_one() {
        let hasher = BcryptHasher::new(5).unwrap();
        assert!(hasher.decoy.expose().starts_with("$2b$05$"));
        hasher.verify_nothing("anything");
    }

    #[test]
    fn refuses_a_cost_that_bcrypt_does_not_have() {
        for cost in [0, 3, 32, u32::MAX] {
            assert!(matches!(BcryptHasher::new(cost), Err(HasherError::Cost(c)) if c == cost));
        }
    }
}
