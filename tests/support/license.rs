//! Licenses for tests, signed with a key that exists for the tests only.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use num_bigint::BigUint;
use pkcs1::{RsaPrivateKey, UintRef};
use ring::rand::SystemRandom;
use ring::rsa::KeyPair;
use ring::signature::RSA_PKCS1_SHA256;
use serde_json::{Value, json};
use spki::der::{Decode, Document};

const PRIVATE_KEY: &str = include_str!("../license/private.pem");

/// The public key that verifies the licenses.
pub const PUBLIC_KEY: &str = include_str!("../license/public.pem");

/// Parts of a license that must never be shown.
pub const SECRETS: [&str; 3] = ["Jane Roe", "jane@example.com", "license-id-7"];

/// The content of a valid license for chat.example.com, from 2026-01-01 to 2027-01-01.
pub fn content() -> Value {
    json!({
        "version": "3.0",
        "information": {
            "id": SECRETS[2],
            "autoRenew": true,
            "visualExpiration": "2026-12-01T00:00:00.000Z",
            "trial": false,
            "offline": true,
            "createdAt": "2026-01-01T00:00:00.000Z",
            "grantedBy": { "method": "manual", "seller": "Example Sales" },
            "grantedTo": { "name": SECRETS[0], "email": SECRETS[1] },
            "tags": [{ "name": "Enterprise", "color": "#5154ec" }],
        },
        "validation": {
            "serverUrls": [{ "value": "chat.example.com", "type": "url" }],
            "validPeriods": [{
                "validFrom": "2026-01-01T00:00:00.000Z",
                "validUntil": "2027-01-01T00:00:00.000Z",
                "invalidBehavior": "invalidate_license",
            }],
            "statisticsReport": { "required": true },
        },
        "grantedModules": [
            { "module": "livechat-enterprise" },
            { "module": "auditing" },
            { "module": "some-app.addon", "external": true },
        ],
        "limits": {
            "activeUsers": [
                { "max": 600, "behavior": "prevent_action" },
                { "max": 500, "behavior": "start_fair_policy" },
            ],
            "guestUsers": [{ "max": -1, "behavior": "prevent_action" }],
            "privateApps": [{ "max": 3, "behavior": "prevent_action" }],
        },
    })
}

/// The same with another value at a JSON pointer.
pub fn with(pointer: &str, value: Value) -> Value {
    let mut content = content();
    *content
        .pointer_mut(pointer)
        .unwrap_or_else(|| panic!("the license has {pointer}")) = value;
    content
}

/// A license of version 3.
pub fn v3(content: &Value) -> String {
    v3_of(&json!({ "alg": "RS256", "typ": "JWT" }), content)
}

/// The same with another header; the signature is always RS256.
pub fn v3_of(header: &Value, content: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(content));
    let document = private_key();
    let key = KeyPair::from_der(document.as_bytes()).expect("the key is an RSA key");
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        message.as_bytes(),
        &mut signature,
    )
    .expect("the key can sign");
    format!("RCV3_{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The content of a valid license of version 2.
pub fn content_v2() -> Value {
    json!({
        "url": "*.example.com",
        "expiry": "2027-01-01",
        "maxActiveUsers": 50,
        "maxGuestUsers": 0,
        "maxRoomsPerGuest": 4,
        "modules": ["enterprise:*", "another"],
    })
}

/// A license of version 2.
pub fn v2(content: &Value) -> String {
    v2_of(content.to_string().as_bytes())
}

/// The same for any content that fits into a block of the key's length.
pub fn v2_of(content: &[u8]) -> String {
    let document = private_key();
    let key: RsaPrivateKey<UintRef<'_>> =
        RsaPrivateKey::from_der(document.as_bytes()).expect("the key is an RSA key");
    let number = |bytes: &UintRef<'_>| BigUint::from_bytes_be(bytes.as_bytes());
    let length = key.modulus.as_bytes().len();
    let padding = vec![0xff; length - 3 - content.len()];
    let block = [&[0, 1][..], &padding, &[0], content].concat();
    let sealed = BigUint::from_bytes_be(&block)
        .modpow(&number(&key.private_exponent), &number(&key.modulus));
    let sealed = sealed.to_bytes_be();
    let leading = vec![0; length - sealed.len()];
    STANDARD.encode([leading, sealed].concat())
}

fn private_key() -> Document {
    let (_, document) = Document::from_pem(PRIVATE_KEY).expect("the file holds a key");
    document
}
