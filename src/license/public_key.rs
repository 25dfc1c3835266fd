//! The RSA public key that verifies licenses, as PEM or as base64 of PEM.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use num_bigint::BigUint;
use pkcs1::{RsaPublicKey, UintRef};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use spki::der::{Decode, Document};
use spki::{ObjectIdentifier, SubjectPublicKeyInfoRef};
use thiserror::Error;

const RSA: ObjectIdentifier = pkcs1::ALGORITHM_OID;

/// Supported lengths of the modulus in bytes.
const MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// The maximum length of the exponent in bytes; decryption time grows with it.
const MAX_EXPONENT_BYTES: usize = 4;

/// An RSA public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

/// The text is not a supported key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("expected an RSA public key of 2048 to 8192 bits, as PEM or as base64 of PEM")]
pub struct InvalidPublicKey;

impl PublicKey {
    /// Parses a key.
    ///
    /// # Errors
    /// When the text is not a supported key.
    pub fn parse(text: &str) -> Result<Self, InvalidPublicKey> {
        let text = text.trim();
        if text.starts_with("-----BEGIN ") {
            return Self::from_pem(text);
        }
        let compact: String = text.split_whitespace().collect();
        let pem = STANDARD.decode(compact).map_err(|_| InvalidPublicKey)?;
        Self::from_pem(
            std::str::from_utf8(&pem)
                .map_err(|_| InvalidPublicKey)?
                .trim(),
        )
    }

    fn from_pem(pem: &str) -> Result<Self, InvalidPublicKey> {
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

    /// Whether the key verifies a signature (RS256) of a message.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let key = RsaPublicKeyComponents {
            n: &self.modulus,
            e: &self.exponent,
        };
        key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            .is_ok()
    }

    /// Decrypts a block that was encrypted with the private key (PKCS #1 v1.5, block type 1); `None` for any other.
    pub fn decrypt(&self, encrypted: &[u8]) -> Option<Vec<u8>> {
        let number = |bytes: &[u8]| BigUint::from_bytes_be(bytes);
        let modulus = number(&self.modulus);
        let cipher = number(encrypted);
        if encrypted.len() != self.modulus.len() || cipher >= modulus {
            return None;
        }
        let block = cipher.modpow(&number(&self.exponent), &modulus);
        // 00 01 FF … FF 00 content; a number has no leading zero.
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
