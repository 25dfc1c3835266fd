//! Valid and invalid licenses, made with the tests' own key.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::public_key::InvalidPublicKey;
use super::*;
use crate::collectors::license::{LicenseFormat, LicenseTag};

#[path = "../../tests/support/license.rs"]
mod made;

use made::{PUBLIC_KEY, SECRETS, content, content_v2, v2, v2_of, v3, v3_of, with};

const SITE: &str = "https://chat.example.com/";

fn key() -> PublicKey {
    PublicKey::parse(PUBLIC_KEY).expect("the file holds a key")
}

fn at(instant: &str) -> Timestamp {
    let instant: jiff::Timestamp = instant.parse().expect("it is an instant");
    Timestamp(instant.as_millisecond())
}

/// A license with a status, judged in November 2026 while 40 seats are used.
fn judged_at(now: &str, text: &str, status: &str, key: Option<&PublicKey>) -> HeldLicense {
    let settings = LicenseSettings {
        text: Ok(text.to_owned()),
        status: status.to_owned(),
        site_url: SITE.to_owned(),
    };
    let context = LicenseContext {
        key,
        now: at(now),
        version: None,
        timezone: &TimeZone::UTC,
        used: &|kind| (kind == LimitKind::ActiveUsers).then_some(40),
    };
    judge(&settings, &context).expect("there is a license")
}

fn judged(text: &str, status: &str, key: Option<&PublicKey>) -> HeldLicense {
    judged_at("2026-11-21T12:00:00Z", text, status, key)
}

/// The flaw of a license that is signed and has the status Valid.
fn flaw_of(text: &str) -> Option<LicenseFlaw> {
    judged(text, "Valid", Some(&key())).flaw
}

/// The flaw of what a license says.
fn flaw_with(pointer: &str, value: Value) -> Option<LicenseFlaw> {
    flaw_of(&v3(&with(pointer, value)))
}

#[test]
fn signed_license_is_parsed_completely() {
    let held = judged(&v3(&content()), "", Some(&key()));
    assert_eq!(held.flaw, None);
    assert_eq!(held.format, Some(LicenseFormat::V3));
    assert_eq!(held.voucher, LicenseVoucher::Signature);
    let read = held.content.expect("it can be read");
    let tag = LicenseTag {
        name: "Enterprise".to_owned(),
        color: Some("#5154ec".to_owned()),
    };
    assert_eq!(read.tags, [tag]);
    assert_eq!((read.trial, read.offline), (false, true));
    assert_eq!(
        read.modules,
        ["livechat-enterprise", "auditing", "some-app.addon"]
    );
    assert_eq!(read.expires, Some(at("2027-01-01T00:00:00Z")));
    assert_eq!(read.shown_expiry, Some(at("2026-12-01T00:00:00Z")));
    let limits: Vec<_> = read
        .limits
        .iter()
        .map(|limit| (limit.max, limit.used))
        .collect();
    // The least of several counts, and a negative one is none.
    assert_eq!(limits[0], (Some(500), Some(40)));
    assert_eq!(limits[1], (None, None));
    assert_eq!(limits[3], (Some(3), None));
    assert_eq!(limits.len(), LimitKind::ALL.len());
}

#[test]
fn personal_data_is_not_kept() {
    let text = v3(&content());
    let held = format!("{:?}", judged(&text, "Valid", Some(&key())));
    for secret in SECRETS.into_iter().chain([text.as_str()]) {
        assert!(!held.contains(secret), "{held}");
    }
}

#[test]
fn status_counts_without_a_key() {
    for (status, flaw, voucher) in [
        ("Valid", None, LicenseVoucher::Status),
        ("Invalid", Some(LicenseFlaw::Status), LicenseVoucher::Status),
        ("", Some(LicenseFlaw::Unconfirmed), LicenseVoucher::Nobody),
        (
            "valid",
            Some(LicenseFlaw::Unconfirmed),
            LicenseVoucher::Nobody,
        ),
    ] {
        for text in [v3(&content()), v2(&content_v2())] {
            let held = judged(&text, status, None);
            assert_eq!((held.flaw, held.voucher), (flaw, voucher), "{status}");
        }
    }
}

#[test]
fn invalid_status_overrides_the_signature() {
    let held = judged(&v3(&content()), "Invalid", Some(&key()));
    assert_eq!(held.flaw, Some(LicenseFlaw::Status));
    assert_eq!(held.voucher, LicenseVoucher::Signature);
}

#[test]
fn tampered_license_is_rejected() {
    let text = v3(&content());
    let mut parts: Vec<String> = text.split('.').map(str::to_owned).collect();
    let more_seats = with("/limits/activeUsers/1/max", json!(5000));
    parts[1] = URL_SAFE_NO_PAD.encode(more_seats.to_string());
    let held = judged(&parts.join("."), "Valid", Some(&key()));
    assert_eq!(held.flaw, Some(LicenseFlaw::Signature));
    assert_eq!(held.content, None);

    let another = PublicKey::parse(include_str!("../../tests/license/another.pem"));
    let another = another.expect("the file holds a key");
    for text in [text, v2(&content_v2())] {
        let held = judged(&text, "Valid", Some(&another));
        assert_eq!(held.flaw, Some(LicenseFlaw::Signature));
        assert_eq!(held.voucher, LicenseVoucher::Status);
    }
}

#[test]
fn token_does_not_choose_its_algorithm() {
    for alg in ["none", "HS256", "RS512", "rs256", ""] {
        let text = v3_of(&json!({ "alg": alg }), &content());
        for key in [None, Some(&key())] {
            let flaw = judged(&text, "Valid", key).flaw;
            assert_eq!(flaw, Some(LicenseFlaw::Algorithm), "{alg}");
        }
    }
    let unsigned = v3(&content());
    let unsigned = unsigned.rsplit_once('.').expect("it has three parts").0;
    assert_eq!(
        flaw_of(&format!("{unsigned}.")),
        Some(LicenseFlaw::Signature)
    );
}

#[test]
fn other_texts_are_not_licenses() {
    let text = v3(&content());
    let truncated = &text[..text.len() / 3];
    let odd_header = v3_of(&json!(["RS256"]), &content());
    for odd in [
        "x",
        "RCV3_",
        "RCV3_..",
        "RCV3_a.b",
        "RCV3_!.!.!",
        "rcv3_e30.e30.e30",
        truncated,
        &odd_header,
        "🔑🔑🔑",
        &STANDARD.encode([1; 255]),
    ] {
        for key in [None, Some(&key())] {
            let held = judged(odd, "Valid", key);
            assert_eq!(held.flaw, Some(LicenseFlaw::NotALicense), "{odd}");
            assert_eq!(held.content, None);
        }
    }
    assert_eq!(
        judged(&format!("{text}.e30"), "Valid", None).flaw,
        Some(LicenseFlaw::NotALicense)
    );
}

#[test]
fn too_long_license_is_rejected() {
    for giant in [
        "RCV3_".to_owned() + &"A".repeat(MAX_LICENSE_BYTES),
        "A".repeat(MAX_LICENSE_BYTES + 1),
    ] {
        assert_eq!(flaw_of(&giant), Some(LicenseFlaw::TooLong));
    }
    let deep = "[".repeat(10_000);
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256"}"#);
    let text = format!("RCV3_{header}.{}.AAAA", URL_SAFE_NO_PAD.encode(deep));
    let held = judged(&text, "Valid", None);
    assert_eq!(held.flaw, Some(LicenseFlaw::Malformed));
}

#[test]
fn too_many_or_too_long_addresses_are_rejected() {
    let named = |addresses: Vec<Value>| flaw_with("/validation/serverUrls", json!(addresses));
    let any = json!({ "type": "regex", "value": "*" });
    let of = |length: usize| json!({ "type": "regex", "value": "*".repeat(length) });
    assert_eq!(named(vec![any.clone(); MAX_ADDRESSES]), None);
    assert_eq!(named(vec![of(MAX_ADDRESS_BYTES)]), None);
    let many = vec![any; MAX_ADDRESSES + 1];
    assert_eq!(named(many), Some(LicenseFlaw::TooLong));
    let long = vec![of(MAX_ADDRESS_BYTES + 1)];
    assert_eq!(named(long), Some(LicenseFlaw::TooLong));
}

#[test]
fn most_expensive_license_is_judged_quickly() {
    let costly = [
        "*".repeat(MAX_ADDRESS_BYTES),
        "(a?b?c?d?)*".repeat(20) + "x",
        "((a{9}){9}){9}".repeat(10),
        "[^x]".repeat(MAX_ADDRESS_BYTES / 4),
    ];
    let costly = costly.map(|value| json!({ "type": "regex", "value": value }));
    let content = with("/validation/serverUrls", json!(vec![costly; 4].concat()));
    let settings = LicenseSettings {
        text: Ok(v3(&content)),
        status: "Valid".to_owned(),
        site_url: "abcd".repeat(128),
    };
    let judging = LicenseContext {
        key: None,
        now: Timestamp(0),
        version: None,
        timezone: &TimeZone::UTC,
        used: &|_| None,
    };
    let begun = std::time::Instant::now();
    let opened = open(&settings, &judging).expect("there is a license");
    assert!(opened.terms.is_ok_and(|terms| terms.is_some()));
    let took = begun.elapsed();
    assert!(took.as_secs() < 3, "{took:?} without optimization");
}

#[test]
fn other_json_is_malformed() {
    for odd in [json!(null), json!([]), json!("text"), json!({})] {
        assert_eq!(flaw_of(&v3(&odd)), Some(LicenseFlaw::Malformed), "{odd}");
    }
    for (pointer, value) in [
        ("/validation", json!([])),
        ("/validation/serverUrls", json!("chat.example.com")),
        ("/validation/serverUrls/0/value", json!({ "$ne": 1 })),
        ("/validation/validPeriods", json!({ "validUntil": 1 })),
        ("/validation/validPeriods/0/validUntil", json!(17)),
        ("/information", json!(null)),
        ("/information/trial", json!("yes")),
        ("/information/tags", json!({ "name": "x" })),
        ("/grantedModules", json!(["auditing"])),
        ("/grantedModules/0/module", json!(["auditing"])),
        ("/limits/activeUsers", json!(7)),
        ("/limits/activeUsers/0/max", json!("many")),
        ("/limits/activeUsers/0/behavior", json!(null)),
    ] {
        assert_eq!(
            flaw_with(pointer, value),
            Some(LicenseFlaw::Malformed),
            "{pointer}"
        );
    }
    for odd in [&b"not JSON"[..], b"{}", &[0xff, 0xfe], b""] {
        assert_eq!(flaw_of(&v2_of(odd)), Some(LicenseFlaw::Malformed));
    }
}

#[test]
fn periods_are_compared_with_the_clock() {
    let text = v3(&content());
    for (now, flaw) in [
        ("2025-12-31T23:59:59.999Z", Some(LicenseFlaw::NotYetValid)),
        ("2026-01-01T00:00:00Z", None),
        ("2027-01-01T00:00:00Z", None),
        ("2027-01-01T00:00:00.001Z", Some(LicenseFlaw::Expired)),
    ] {
        assert_eq!(judged_at(now, &text, "Valid", None).flaw, flaw, "{now}");
    }
    let until = "/validation/validPeriods/0/validUntil";
    assert_eq!(
        flaw_with(until, json!("2026-11-21")),
        Some(LicenseFlaw::Expired)
    );
    assert_eq!(flaw_with(until, json!("2026-11-21T12:00:01")), None);
    // What JavaScript cannot read as a date is neither before nor after anything.
    assert_eq!(flaw_with(until, json!("soon")), None);
    assert_eq!(flaw_with(until, json!(null)), None);
    // What only forbids the installation does not matter any more.
    let past = |behavior: &str| json!([{ "validUntil": "2026-01-01", "invalidBehavior": behavior, "modules": ["auditing"] }]);
    let periods = "/validation/validPeriods";
    assert_eq!(flaw_with(periods, past("prevent_installation")), None);
    let held = judged(&v3(&with(periods, past("disable_modules"))), "Valid", None);
    assert_eq!(held.flaw, None);
    let read = held.content.expect("it can be read");
    assert_eq!(read.modules, ["livechat-enterprise", "some-app.addon"]);
    assert_eq!(read.expires, None);
}

#[test]
fn exceeded_limit_invalidates_or_disables_modules() {
    let limit = |max: i64, behavior: &str| json!([{ "max": max, "behavior": behavior, "modules": ["auditing"] }]);
    let seats = "/limits/activeUsers";
    for (max, flaw) in [(39, Some(LicenseFlaw::Limit)), (40, None), (-1, None)] {
        assert_eq!(
            flaw_with(seats, limit(max, "invalidate_license")),
            flaw,
            "{max}"
        );
    }
    // How many guests there are is not known here.
    assert_eq!(
        flaw_with("/limits/guestUsers", limit(0, "invalidate_license")),
        None
    );
    let held = judged(
        &v3(&with(seats, limit(39, "disable_modules"))),
        "Valid",
        None,
    );
    let read = held.content.expect("it can be read");
    assert_eq!(read.modules, ["livechat-enterprise", "some-app.addon"]);
    assert_eq!(held.flaw, None);
}

#[test]
fn license_for_another_address_is_not_valid() {
    let urls = |value: &str, kind: &str| json!([{ "value": value, "type": kind }]);
    let of_site = "cb93e5b8bb2ee3b1ffa09d2f6b8f4a2e1b7e2c8c6b5f3a0b9c1d7e4f2a6b8c0d";
    for (value, kind, flaw) in [
        ("chat.example.com", "url", None),
        ("talk.example.com", "url", Some(LicenseFlaw::Address)),
        ("*.example.com", "url", None),
        ("*.example.com", "regex", None),
        ("*.example.org", "regex", Some(LicenseFlaw::Address)),
        (of_site, "hash", Some(LicenseFlaw::Address)),
        ("whatever", "of-the-future", None),
    ] {
        let pointer = "/validation/serverUrls";
        assert_eq!(
            flaw_with(pointer, urls(value, kind)),
            flaw,
            "{kind} {value}"
        );
    }
}

#[test]
fn version_2_needs_the_key() {
    let text = v2(&content_v2());
    assert_eq!(judged(&text, "Valid", None).content, None);
    let held = judged(&text, "", Some(&key()));
    assert_eq!(held.flaw, None);
    assert_eq!(held.format, Some(LicenseFormat::V2));
    let read = held.content.expect("it can be read");
    let tag = LicenseTag {
        name: "enterprise".to_owned(),
        color: Some("#4411DD".to_owned()),
    };
    assert_eq!(read.tags, [tag]);
    for module in ["teams-voip", "livechat-enterprise", "another"] {
        assert!(read.modules.iter().any(|known| known == module), "{module}");
    }
    assert_eq!(read.modules.len(), 23, "{:?}", read.modules);
    let limits: Vec<_> = read.limits.iter().map(|limit| limit.max).collect();
    assert_eq!(limits, [Some(50), None, Some(4), None, None, None]);
    assert_eq!(read.expires, Some(at("2027-01-01T00:00:00Z")));
    assert_eq!(read.shown_expiry, read.expires);
    let lines = text.as_bytes().chunks(64).map(String::from_utf8_lossy);
    let broken = lines.collect::<Vec<_>>().join("\n");
    assert_eq!(flaw_of(&broken), None);
}

#[test]
fn version_2_has_the_same_flaws() {
    let with = |key: &str, value: Value| {
        let mut content = content_v2();
        content[key] = value;
        v2(&content)
    };
    for (key, value, flaw) in [
        ("expiry", json!("2026-11-20"), LicenseFlaw::Expired),
        ("expiry", json!("never"), LicenseFlaw::Malformed),
        ("url", json!("chat.example.org"), LicenseFlaw::Address),
        ("modules", json!("auditing"), LicenseFlaw::Malformed),
    ] {
        assert_eq!(flaw_of(&with(key, value)), Some(flaw), "{key}");
    }
    assert_eq!(
        flaw_of(&STANDARD.encode([7; 256])),
        Some(LicenseFlaw::Signature)
    );
    assert_eq!(
        flaw_of(&STANDARD.encode([0; 256])),
        Some(LicenseFlaw::Signature)
    );
    assert_eq!(
        flaw_of(&STANDARD.encode([0xff; 256])),
        Some(LicenseFlaw::Signature)
    );
    assert_eq!(
        flaw_of(&STANDARD.encode([7; 512])),
        Some(LicenseFlaw::Signature)
    );
}

#[test]
fn version_2_gets_no_modules_before_6_5() {
    let adds = |version: Option<Version>| {
        let context = LicenseContext {
            key: None,
            now: at("2026-11-21T12:00:00Z"),
            version,
            timezone: &TimeZone::UTC,
            used: &|_| None,
        };
        let terms = terms::v2(content_v2().to_string().as_bytes(), &context);
        let modules = terms.expect("it is one").modules;
        modules.iter().any(|module| module == "teams-voip")
    };
    assert!(!adds(Some(Version::new(6, 4, 9))));
    assert!(adds(Some(Version::new(6, 5, 0))));
    assert!(adds(None));
}

#[test]
fn every_changed_character_is_detected() {
    let key = key();
    for text in [v3(&content()), v2(&content_v2())] {
        for position in 0..text.len() {
            for other in ['A', 'z', '.', '='] {
                let mut changed: Vec<char> = text.chars().collect();
                if changed[position] == other {
                    continue;
                }
                changed[position] = other;
                let changed: String = changed.into_iter().collect();
                let held = judged(&changed, "Valid", Some(&key));
                assert!(held.flaw.is_some(), "{other} at {position}");
                // Without the key a readable license is accepted; nothing panics.
                judged(&changed, "Valid", None);
            }
        }
    }
}

#[test]
fn colors_are_validated() {
    for (color, expected) in [
        (json!("#abc"), Some("#abc")),
        (json!("#ab"), None),
        (json!("red;background:url(//example.com)"), None),
        (json!("#5154e;"), None),
        (json!(null), None),
    ] {
        let text = v3(&with("/information/tags/0/color", color));
        let content = judged(&text, "Valid", None).content;
        let tags = content.expect("it can be read").tags;
        assert_eq!(tags[0].color.as_deref(), expected);
    }
}

#[test]
fn labels_stay_short() {
    let tags: Vec<_> = (0..50)
        .map(|number| json!({ "name": format!("{number}{}", "x".repeat(100)) }))
        .collect();
    let held = judged(&v3(&with("/information/tags", json!(tags))), "Valid", None);
    let tags = held.content.expect("it can be read").tags;
    assert_eq!(tags.len(), 8);
    assert!(tags.iter().all(|tag| tag.name.len() == 64));
}

#[test]
fn key_is_pem_or_base64_of_pem() {
    let encoded = STANDARD.encode(PUBLIC_KEY);
    let broken = encoded.replace("LS0t", "LS0t\n");
    for text in [PUBLIC_KEY, &encoded, &broken, &format!("\n{PUBLIC_KEY}\n")] {
        assert_eq!(PublicKey::parse(text), Ok(key()), "{text}");
    }
    let private = include_str!("../../tests/license/private.pem");
    let truncated = &PUBLIC_KEY[..200];
    for text in [
        "",
        "no key",
        private,
        truncated,
        "-----BEGIN PUBLIC KEY-----",
    ] {
        assert_eq!(PublicKey::parse(text), Err(InvalidPublicKey), "{text}");
    }
}
