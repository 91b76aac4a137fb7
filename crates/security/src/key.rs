use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use thiserror::Error;

/// The fewest bytes of an RSA modulus: 2048 bits.
const MIN_RSA_BYTES: usize = 256;

/// How much of a secret's digest its name holds, in bytes.
const NAME_LENGTH: usize = 12;

/// Why a key can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// It is none, or of another kind.
    #[error(
        "holds no key that can be used; it has to be one of Ed25519, or of RSA with 2048 bits or more, not encrypted, in PEM"
    )]
    Malformed,
    /// It can be broken.
    #[error("holds an RSA key of less than 2048 bits")]
    Weak,
}

/// A key that tokens are checked with. The algorithm is that of the key, whatever a token says of itself.
#[derive(Clone)]
struct VerifyingKey {
    name: String,
    algorithm: Algorithm,
    key: DecodingKey,
}

/// The keys of access tokens: one that signs, and all that tokens are checked with, each with a name that tokens carry (`kid`).
#[derive(Clone)]
pub struct TokenKeys {
    header: Header,
    signing: EncodingKey,
    verifying: Vec<VerifyingKey>,
    public: JwkSet,
}

impl TokenKeys {
    /// Signs with HS256 under `secret`.
    pub fn symmetric(secret: &str) -> Self {
        let signing = EncodingKey::from_secret(secret.as_bytes());
        let key = secret_key(secret);
        Self { header: header(&key), signing, verifying: vec![key], public: JwkSet { keys: Vec::new() } }
    }

    /// Signs with the private key in `pem`: `EdDSA` with one of Ed25519 (PKCS #8), RS256 with one of RSA (PKCS #1 or #8).
    pub fn asymmetric(pem: &str) -> Result<Self, KeyError> {
        let pem = pem.as_bytes();
        let ed = EncodingKey::from_ed_pem(pem).map(|key| (key, Algorithm::EdDSA));
        let (signing, algorithm) = ed
            .or_else(|_| EncodingKey::from_rsa_pem(pem).map(|key| (key, Algorithm::RS256)))
            .map_err(|_| malformed())?;
        let jwk = Jwk::from_encoding_key(&signing, algorithm).map_err(|_| malformed())?;
        let (key, jwk) = public_key(jwk, algorithm)?;
        Ok(Self { header: header(&key), signing, verifying: vec![key], public: JwkSet { keys: vec![jwk] } })
    }

    /// Accepts tokens under a former secret too.
    #[must_use]
    pub fn and_secret(mut self, secret: &str) -> Self {
        self.verifying.push(secret_key(secret));
        self
    }

    /// Accepts tokens too that are signed with the private keys of these public ones, a `PUBLIC KEY` of PEM each.
    pub fn and_public(mut self, pems: &str) -> Result<Self, KeyError> {
        for pem in pems.split_inclusive("-----END PUBLIC KEY-----").filter(|pem| !pem.trim().is_empty()) {
            let pem = pem.as_bytes();
            let ed = DecodingKey::from_ed_pem(pem).map(|key| (key, Algorithm::EdDSA));
            let (key, algorithm) = ed
                .or_else(|_| DecodingKey::from_rsa_pem(pem).map(|key| (key, Algorithm::RS256)))
                .map_err(|_| malformed())?;
            let jwk = Jwk::from_decoding_key(&key, Some(algorithm)).map_err(|_| malformed())?;
            let (key, jwk) = public_key(jwk, algorithm)?;
            self.verifying.push(key);
            self.public.keys.push(jwk);
        }
        Ok(self)
    }

    /// The header of a new token, and the key that signs it.
    pub(crate) fn signing(&self) -> (&Header, &EncodingKey) {
        (&self.header, &self.signing)
    }

    /// The key that a token names, and what it demands of the token. One that names none is of a time before keys had names: it can
    /// only be under the secret that signs.
    pub(crate) fn verifying(&self, name: Option<&str>) -> Option<(&DecodingKey, Validation)> {
        let named = |key: &&VerifyingKey| match name {
            Some(name) => key.name == name,
            None => key.algorithm == Algorithm::HS256 && self.header.kid.as_ref() == Some(&key.name),
        };
        self.verifying.iter().find(named).map(|key| (&key.key, Validation::new(key.algorithm)))
    }

    /// The public keys, as a JSON Web Key Set (RFC 7517). A secret is none.
    pub(crate) fn public(&self) -> &JwkSet {
        &self.public
    }
}

impl fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.verifying.iter().map(|key| key.name.as_str()).collect();
        f.debug_struct("TokenKeys").field("algorithm", &self.header.alg).field("names", &names).finish_non_exhaustive()
    }
}

const fn malformed() -> KeyError {
    KeyError::Malformed
}

fn header(key: &VerifyingKey) -> Header {
    Header { kid: Some(key.name.clone()), ..Header::new(key.algorithm) }
}

/// The name of a secret tells nothing about it that a token under it does not.
fn secret_key(secret: &str) -> VerifyingKey {
    let digest = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), b"jobportal kid");
    let name = URL_SAFE_NO_PAD.encode(digest.as_ref().get(..NAME_LENGTH).unwrap_or_default());
    VerifyingKey { name, algorithm: Algorithm::HS256, key: DecodingKey::from_secret(secret.as_bytes()) }
}

/// A public key is named by its thumbprint (RFC 7638).
fn public_key(mut jwk: Jwk, algorithm: Algorithm) -> Result<(VerifyingKey, Jwk), KeyError> {
    if let AlgorithmParameters::RSA(rsa) = &jwk.algorithm {
        let modulus = URL_SAFE_NO_PAD.decode(&rsa.n).map_err(|_| malformed())?;
        let leading_zeros = modulus.iter().take_while(|byte| **byte == 0).count();
        if modulus.len() - leading_zeros < MIN_RSA_BYTES {
            return Err(KeyError::Weak);
        }
    }
    let name = jwk.thumbprint(ThumbprintHash::SHA256).map_err(|_| malformed())?;
    jwk.common.key_id = Some(name.clone());
    jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    let key = DecodingKey::from_jwk(&jwk).map_err(|_| malformed())?;
    Ok((VerifyingKey { name, algorithm, key }, jwk))
}
