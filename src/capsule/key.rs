//! What capsules are signed with: Ed25519 (RFC 8032).

use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;
use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use sha2::{Digest, Sha256};
use std::fmt;
use thiserror::Error;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    #[error("the system gives no random numbers, so no key can be made")]
    NoRandomNumbers,
    #[error("the kept signing key cannot be read")]
    Unreadable,
}

pub struct SigningKey {
    pair: Ed25519KeyPair,
    pkcs8: Vec<u8>,
}

/// Without the key: what is printed ends in a log.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.fingerprint())
    }
}

impl SigningKey {
    pub fn generate() -> Result<Self, KeyError> {
        let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new());
        let made = made.map_err(|_| KeyError::NoRandomNumbers)?;
        Self::from_pkcs8(made.as_ref())
    }

    /// Of what `pkcs8` gave.
    pub fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8).map_err(|_| KeyError::Unreadable)?;
        Ok(Self {
            pair,
            pkcs8: pkcs8.to_owned(),
        })
    }

    /// PKCS #8 v2 (RFC 5958): to be kept where nobody else reads it.
    pub fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    pub fn public(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.public())
    }

    pub(super) fn sign(&self, text: &[u8]) -> Vec<u8> {
        self.pair.sign(text).as_ref().to_vec()
    }
}

pub(super) fn has_signed(public: &[u8], text: &[u8], signature: &[u8]) -> bool {
    let key = UnparsedPublicKey::new(&ED25519, public);
    key.verify(text, signature).is_ok()
}

/// The SHA-256 of a public key, as people compare it: `SHA256:` and base64, like that of SSH keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint(String);

impl Fingerprint {
    pub(super) fn of(public: &[u8]) -> Self {
        let text = BASE64.encode(Sha256::digest(public));
        Self(format!("SHA256:{}", text.trim_end_matches('=')))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
