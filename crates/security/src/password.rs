use std::hint::black_box;
use std::ops::Range;

use bcrypt::{BcryptError, HashParts};
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

    fn hash_raw(&self, raw: &str) -> Result<PasswordHash> {
        let hash = bcrypt::hash(raw, self.cost).map_err(|error| Error::Internal(error.into()))?;
        Ok(PasswordHash::new(hash))
    }
}

/// What `hash` cost; `None` for a malformed one.
fn cost_of(hash: &PasswordHash) -> Option<u32> {
    hash.expose().parse::<HashParts>().ok().map(|parts| parts.get_cost())
}

/// The costs of the hashes that together with one of `kept` are as much work as one of `cost`: a hash of cost n takes 2ⁿ
/// rounds, and 2ⁿ + (2ⁿ + 2ⁿ⁺¹ + … + 2ᵐ⁻¹) = 2ᵐ.
fn missing_work(kept: u32, cost: u32) -> Range<u32> {
    kept..cost
}

impl PasswordHasher for BcryptHasher {
    fn hash(&self, password: &Password) -> Result<PasswordHash> {
        self.hash_raw(password.expose())
    }

    fn verify(&self, attempt: &str, hash: &PasswordHash) -> bool {
        // The length is checked here because bcrypt's `verify` cuts at 72 bytes, and its `non_truncating_verify` refuses
        // a password of exactly 72 too.
        let Some(kept) = cost_of(hash).filter(|_| attempt.len() <= MAX_PASSWORD_BYTES) else { return false };
        let matches = bcrypt::verify(attempt, hash.expose()).unwrap_or(false);
        for cost in missing_work(kept, self.cost) {
            let _ = black_box(bcrypt::hash_with_salt(attempt, cost, [0; 16]));
        }
        matches
    }

    fn renew(&self, verified: &str, hash: &PasswordHash) -> Result<Option<PasswordHash>> {
        let is_cheap = cost_of(hash).is_some_and(|kept| kept < self.cost);
        is_cheap.then(|| self.hash_raw(verified)).transpose()
    }

    fn verify_nothing(&self, attempt: &str) {
        black_box(self.verify(attempt, &self.decoy));
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
    fn a_hash_from_cheaper_times_takes_as_much_work_as_one_of_today_and_is_renewed() {
        for (kept, cost) in [(4, 4), (4, 5), (8, 12), (12, 12)] {
            let rounds = (1_u64 << kept) + missing_work(kept, cost).map(|cost| 1_u64 << cost).sum::<u64>();
            assert_eq!(rounds, 1 << cost, "{kept} {cost}");
        }
        let (old, today) = (hash("correct horse"), BcryptHasher::new(6).unwrap());
        assert!(today.verify("correct horse", &old) && !today.verify("wrong", &old));
        let renewed = today.renew("correct horse", &old).unwrap().unwrap();
        assert!(renewed.expose().starts_with("$2b$06$") && today.verify("correct horse", &renewed));
        assert_eq!(today.renew("correct horse", &renewed).unwrap(), None);
        assert_eq!(hasher().renew("correct horse", &renewed).unwrap(), None, "nothing is made cheaper");
    }

    #[test]
    fn refuses_a_cost_that_bcrypt_does_not_have() {
        for cost in [0, 3, 32, u32::MAX] {
            assert!(matches!(BcryptHasher::new(cost), Err(HasherError::Cost(c)) if c == cost));
        }
    }
}
