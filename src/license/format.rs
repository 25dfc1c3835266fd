//! The two formats of licenses: `RCV3_` and a JSON Web Token, or an encrypted block in base64.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

use super::terms::{self, LicenseTerms};
use super::{LicenseContext, MAX_LICENSE_BYTES};
use crate::collectors::license::{LicenseFlaw, LicenseFormat};

const V3_PREFIX: &str = "RCV3_";

/// Lengths of an encrypted block in bytes: those of RSA keys of 2048 to 8192 bits.
const BLOCK_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// The format of a text, given its flaw if any.
pub fn format(text: &str, flaw: Option<LicenseFlaw>) -> Option<LicenseFormat> {
    if text.starts_with(V3_PREFIX) {
        return Some(LicenseFormat::V3);
    }
    let is_none = matches!(flaw, Some(LicenseFlaw::TooLong | LicenseFlaw::NotALicense));
    (!is_none).then_some(LicenseFormat::V2)
}

/// Parses a license, and verifies its signature if there is a key; `Ok(None)` for one that cannot be decrypted without one.
pub fn open(text: &str, context: &LicenseContext<'_>) -> Result<Option<LicenseTerms>, LicenseFlaw> {
    if text.len() > MAX_LICENSE_BYTES {
        return Err(LicenseFlaw::TooLong);
    }
    match text.strip_prefix(V3_PREFIX) {
        Some(token) => open_v3(token, context).map(Some),
        None => open_v2(text, context),
    }
}

fn open_v3(token: &str, context: &LicenseContext<'_>) -> Result<LicenseTerms, LicenseFlaw> {
    let decoded = |part: &str| {
        URL_SAFE_NO_PAD
            .decode(part)
            .map_err(|_| LicenseFlaw::NotALicense)
    };
    let (message, signature) = token.rsplit_once('.').ok_or(LicenseFlaw::NotALicense)?;
    let (header, payload) = message.split_once('.').ok_or(LicenseFlaw::NotALicense)?;
    let (header, payload, signature) = (decoded(header)?, decoded(payload)?, decoded(signature)?);
    let header: Value = serde_json::from_slice(&header).map_err(|_| LicenseFlaw::NotALicense)?;
    let algorithm = header.get("alg").and_then(Value::as_str);
    let algorithm = algorithm.ok_or(LicenseFlaw::NotALicense)?;
    // The token must not choose its own verification.
    if algorithm != "RS256" {
        return Err(LicenseFlaw::Algorithm);
    }
    if let Some(key) = context.key
        && !key.verifies(message.as_bytes(), &signature)
    {
        return Err(LicenseFlaw::Signature);
    }
    terms::v3(&payload, context.timezone).ok_or(LicenseFlaw::Malformed)
}

fn open_v2(text: &str, context: &LicenseContext<'_>) -> Result<Option<LicenseTerms>, LicenseFlaw> {
    let compact: String = text.split_whitespace().collect();
    let block = STANDARD
        .decode(compact)
        .map_err(|_| LicenseFlaw::NotALicense)?;
    if !BLOCK_BYTES.contains(&block.len()) {
        return Err(LicenseFlaw::NotALicense);
    }
    let Some(key) = context.key else {
        return Ok(None);
    };
    let opened = key.decrypt(&block).ok_or(LicenseFlaw::Signature)?;
    terms::v2(&opened, context)
        .map(Some)
        .ok_or(LicenseFlaw::Malformed)
}
