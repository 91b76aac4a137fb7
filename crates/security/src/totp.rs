use aws_lc_rs::{constant_time, hmac};
use data_encoding::BASE32;
use jobportal_application::OneTimePasswords;
use jobportal_domain::{Code, TotpSecret};

/// Time-based one-time passwords as every authenticator app computes them: RFC 6238 with HMAC-SHA-1 and six digits.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totp;

impl Totp {
    /// The code of a time step.
    pub fn code(secret: &TotpSecret, step: i64) -> Option<Code> {
        let key = BASE32.decode(secret.expose().as_bytes()).ok()?;
        truncate(&key, step.cast_unsigned())
    }
}

/// Six digits of the HMAC of a counter (RFC 4226 §5.3).
fn truncate(key: &[u8], counter: u64) -> Option<Code> {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
    let mac = hmac::sign(&key, &counter.to_be_bytes());
    let offset = usize::from(mac.as_ref().last()? & 0xf);
    let word = mac.as_ref().get(offset..offset + 4)?.try_into().ok()?;
    Code::from_number((u32::from_be_bytes(word) & 0x7fff_ffff) % 1_000_000)
}

impl OneTimePasswords for Totp {
    fn matches(&self, secret: &TotpSecret, step: i64, code: &Code) -> bool {
        Self::code(secret, step).is_some_and(|expected| {
            constant_time::verify_slices_are_equal(expected.expose().as_bytes(), code.expose().as_bytes()).is_ok()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of the test vectors in both RFCs.
    const KEY: &[u8] = b"12345678901234567890";

    fn secret() -> TotpSecret {
        TotpSecret::parse(&BASE32.encode(KEY)).unwrap()
    }

    #[test]
    fn codes_are_those_of_the_test_vectors_in_rfc_6238() {
        // Of the eight digits there the last six.
        for (time, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000_i64, "353130"),
        ] {
            assert_eq!(Totp::code(&secret(), time / 30).unwrap().expose(), code, "{time}");
        }
    }

    #[test]
    fn codes_are_those_of_the_test_vectors_in_rfc_4226() {
        let codes =
            ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"];
        for (counter, code) in (0..).zip(codes) {
            assert_eq!(truncate(KEY, counter).unwrap().expose(), code);
        }
    }

    #[test]
    fn a_code_is_that_of_its_step_and_its_key_alone() {
        let code = Code::parse("287082").unwrap();
        assert!(Totp.matches(&secret(), 1, &code));
        assert!(!Totp.matches(&secret(), 2, &code));
        assert!(!Totp.matches(&TotpSecret::parse(&"A".repeat(32)).unwrap(), 1, &code));
        assert!(!Totp.matches(&secret(), -1, &code));
    }
}
