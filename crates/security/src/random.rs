use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use data_encoding::BASE32;
use jobportal_application::{RandomSource, Result};
use jobportal_domain::{Code, RecoveryCode, TotpSecret};

use crate::failed;

/// The random source of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsRandom;

impl OsRandom {
    fn bytes<const N: usize>() -> Result<[u8; N]> {
        let mut bytes = [0; N];
        SystemRandom::new().fill(&mut bytes).map_err(|_| failed("the random source failed"))?;
        Ok(bytes)
    }
}

impl RandomSource for OsRandom {
    fn code(&self) -> Result<Code> {
        // 20 random bits reach from 0 to 1,048,575. What is beyond the codes is drawn again: a remainder would make some
        // codes likelier than others.
        loop {
            if let Some(code) = Code::from_number(u32::from_le_bytes(Self::bytes()?) >> 12) {
                return Ok(code);
            }
        }
    }

    fn token(&self) -> Result<String> {
        Ok(URL_SAFE_NO_PAD.encode(Self::bytes::<32>()?))
    }

    fn public_id(&self) -> Result<String> {
        Ok(URL_SAFE_NO_PAD.encode(Self::bytes::<16>()?))
    }

    fn totp_secret(&self) -> Result<TotpSecret> {
        TotpSecret::parse(&BASE32.encode(&Self::bytes::<20>()?)).ok_or_else(|| failed("a key could not be made"))
    }

    fn recovery_code(&self) -> Result<RecoveryCode> {
        RecoveryCode::parse(&BASE32.encode(&Self::bytes::<15>()?)).ok_or_else(|| failed("a code could not be made"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_are_of_all_sizes() {
        let codes: Vec<_> = (0..500).map(|_| OsRandom.code().unwrap()).collect();
        for first in '0'..='9' {
            assert!(codes.iter().any(|code| code.expose().starts_with(first)), "none starts with {first}");
        }
    }

    #[test]
    fn keys_and_recovery_codes_are_never_the_same() {
        let mut seen = HashSet::new();
        for _ in 0..200 {
            assert!(seen.insert(OsRandom.totp_secret().unwrap().expose().to_owned()));
            assert!(seen.insert(OsRandom.recovery_code().unwrap().expose().to_owned()));
        }
    }

    #[test]
    fn names_and_tokens_are_safe_in_urls_and_file_names_and_never_the_same() {
        let mut seen = HashSet::new();
        for _ in 0..200 {
            for (text, length) in [(OsRandom.token().unwrap(), 43), (OsRandom.public_id().unwrap(), 22)] {
                assert_eq!(text.len(), length);
                assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{text}");
                assert!(seen.insert(text));
            }
        }
    }
}
