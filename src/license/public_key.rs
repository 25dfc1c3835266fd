//! The public key that licenses are signed with: RSA, as a PEM file or as the base64 of one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use num_bigint::BigUint;
use pkcs1::{RsaPublicKey, UintRef};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use spki::der::{Decode, Document};
use spki::{ObjectIdentifier, SubjectPublicKeyInfoRef};
use thiserror::Error;

const RSA: ObjectIdentifier = pkcs1::ALGORITHM_OID;

/// Lengths of the modulus, in bytes, that a signature can be checked with.
const MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// The longest exponent, in bytes: opening a license takes a time that grows with it.
const MAX_EXPONENT_BYTES: usize = 4;

/// A public key of RSA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

/// A text that is no such key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("expected a public key of RSA with 2048 to 8192 bits, as PEM or as the base64 of it")]
pub struct InvalidPublicKey;

impl PublicKey {
    /// Reads a key.
    ///
    /// # Errors
    /// When the text is none.
    pub fn parse(text: &str) -> Result<Self, InvalidPublicKey> {
        let text = text.trim();
        if text.starts_with("-----BEGIN ") {
            return Self::of_pem(text);
        }
        let compact: String = text.split_whitespace().collect();
        let pem = STANDARD.decode(compact).map_err(|_| InvalidPublicKey)?;
        Self::of_pem(
            std::str::from_utf8(&pem)
                .map_err(|_| InvalidPublicKey)?
                .trim(),
        )
    }

    fn of_pem(pem: &str) -> Result<Self, InvalidPublicKey> {
        let (label, document) = Document::from_pem(pem).map_err(|_| InvalidPublicKey)?;
        let bytes = document.as_bytes();
        let key: RsaPublicKey<UintRef<'_>> = match label {
            "PUBLIC KEY" => {
                let info =
                    SubjectPublicKeyInfoRef::from_der(bytes).map_err(|_| InvalidPublicKey)?;
                if info.algorithm.oid != RSA {
                    return Err(InvalidPublicKey);
                }
                RsaPublicKey::from_der(info.subject_public_key.raw_bytes())
                    .map_err(|_| InvalidPublicKey)?
            }
            "RSA PUBLIC KEY" => RsaPublicKey::from_der(bytes).map_err(|_| InvalidPublicKey)?,
            _ => return Err(InvalidPublicKey),
        };
        let key = Self {
            modulus: key.modulus.as_bytes().to_vec(),
            exponent: key.public_exponent.as_bytes().to_vec(),
        };
        let is_usable =
            MODULUS_BYTES.contains(&key.modulus.len()) && key.exponent.len() <= MAX_EXPONENT_BYTES;
        is_usable.then_some(key).ok_or(InvalidPublicKey)
    }

    /// Whether a signature (RS256) of a message is of this key.
    pub fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let key = RsaPublicKeyComponents {
            n: &self.modulus,
            e: &self.exponent,
        };
        key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            .is_ok()
    }

    /// What was encrypted with the private key (PKCS#1 v1.5, block type 1); `None` when it was not.
    pub fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let number = |bytes: &[u8]| BigUint::from_bytes_be(bytes);
        let modulus = number(&self.modulus);
        let sealed_number = number(sealed);
        if sealed.len() != self.modulus.len() || sealed_number >= modulus {
            return None;
        }
        let block = sealed_number.modpow(&number(&self.exponent), &modulus);
        // 00 01 FF … FF 00 content: the first zero is not among a number's bytes.
        let block = block.to_bytes_be();
        if block.len() + 1 != self.modulus.len() {
            return None;
        }
        let padded = block.strip_prefix(&[1])?;
        let padding = padded.iter().take_while(|byte| **byte == 0xff).count();
        let content = padded[padding..].strip_prefix(&[0])?;
        (padding >= 8).then(|| content.to_vec())
    }
}
