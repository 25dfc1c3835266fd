//! What users have in live mode: login services, second factors, extension, language.

use std::collections::BTreeMap;

use mongodb::bson::{Bson, RawBsonRef};

use super::{LOGIN_SERVICES, UserFeatures};
use crate::change_streams::{Bits, Extract, FollowedField, PackedRow, TrackedCollection, Tracking};
use crate::collectors::live_definition::{LiveDefinition, LiveSection};
use crate::collectors::users::live as users;
use crate::collectors::{Collector, Reading};
use crate::mongodb::bson;

pub const LIVE: LiveDefinition = LiveDefinition {
    collector: Collector::UserFeatures,
    follows: &[
        ("users", Tracking::Fields(users::FIELDS)),
        ("users", Tracking::Fields(FIELDS)),
    ],
    needs: None,
    section: LiveSection::Followed(|documents, known| {
        // OAuth services of the workspace's own are distinguished by settings.
        let version = known.version();
        if version.is_some_and(UserFeatures::names_custom_oauth) {
            return None;
        }
        let features = features(documents.collection("users")?)?;
        Some(Ok(Reading::UserFeatures(features)))
    }),
};

const TOTP: Bits = users::LAST.next(1);
const EMAIL_2FA: Bits = TOTP.next(1);
const EXTENSION: Bits = EMAIL_2FA.next(1);
/// A bit for each of [`LOGIN_SERVICES`].
const SERVICES: Bits = EXTENSION.next(LOGIN_SERVICES.len());
/// The letters of the language, and a bit for a language that cannot be packed.
const LANGUAGE: Bits = SERVICES.next(MAX_LETTERS * LETTER_BITS + 1);

const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
const LETTER_BITS: usize = 6;
/// As in `pt-BR`.
const MAX_LETTERS: usize = 5;
/// A language that is no short code, or a list.
const UNPACKABLE: PackedRow = 1 << (MAX_LETTERS * LETTER_BITS);

/// With more languages the section is read: the query sums up the rest.
const MAX_LANGUAGES: usize = 1_000;

const FIELDS: &[FollowedField] = &[
    // The names alone: what is below them are secrets.
    FollowedField::new("services", SERVICES, Extract::With(services))
        .named("loginServices")
        .with_parts(&LOGIN_SERVICES)
        .with_expression(|path| bson::field_names(path).into()),
    FollowedField::new("services.totp.enabled", TOTP, Extract::IsTrue)
        .named("totp")
        .with_parts(&["totp"])
        .with_expression(is_enabled),
    FollowedField::new("services.email2fa.enabled", EMAIL_2FA, Extract::IsTrue)
        .named("email2fa")
        .with_parts(&["email2fa"])
        .with_expression(is_enabled),
    FollowedField::new("extension", EXTENSION, Extract::Exists),
    FollowedField::new("language", LANGUAGE, Extract::With(pack_language)),
];

fn services(names: Option<RawBsonRef<'_>>) -> PackedRow {
    let Some(RawBsonRef::Array(names)) = names else {
        return 0;
    };
    let indexes = names.into_iter().flatten().filter_map(|name| {
        let name = name.as_str()?;
        LOGIN_SERVICES.iter().position(|service| *service == name)
    });
    indexes.fold(0, |services, index| services | 1 << index)
}

/// An expression for whether a filter on the path finds true, also where the path leads through lists.
fn is_enabled(path: &str) -> Bson {
    bson::finds(path, true).into()
}

fn pack_language(value: Option<RawBsonRef<'_>>) -> PackedRow {
    let letters = match value {
        Some(RawBsonRef::String(language)) => language.as_bytes(),
        Some(RawBsonRef::Array(_)) => return UNPACKABLE,
        _ => &[],
    };
    if letters.len() > MAX_LETTERS {
        return UNPACKABLE;
    }
    let mut packed = 0;
    for letter in letters.iter().rev() {
        let Some(index) = LETTERS.iter().position(|known| known == letter) else {
            return UNPACKABLE;
        };
        packed = packed << LETTER_BITS | (index as PackedRow + 1);
    }
    packed
}

fn unpack_language(mut packed: PackedRow) -> Option<String> {
    let mut language = String::new();
    while packed != 0 {
        let index = usize::try_from(packed & ((1 << LETTER_BITS) - 1)).ok()?;
        language.push(char::from(*LETTERS.get(index.checked_sub(1)?)?));
        packed >>= LETTER_BITS;
    }
    (!language.is_empty()).then_some(language)
}

/// What users have; `None` when a language cannot be packed, or there are too many languages. OAuth services of the
/// workspace's own are not in it.
fn features(users: &TrackedCollection) -> Option<UserFeatures> {
    if users.count(|row| LANGUAGE.get(row) == UNPACKABLE) > 0 {
        return None;
    }
    let mut by_language: BTreeMap<String, u64> = BTreeMap::new();
    for (row, number) in users.classes() {
        if let Some(language) = unpack_language(LANGUAGE.get(row)) {
            *by_language.entry(language).or_default() += number;
        }
    }
    if by_language.len() > MAX_LANGUAGES {
        return None;
    }
    let by_login_service = LOGIN_SERVICES.into_iter().zip(0..).map(|(name, index)| {
        let service = SERVICES.bit(index);
        let number = users.count(|row| users::may_log_in(row) && service.is_set(row));
        (name, number)
    });
    Some(UserFeatures {
        by_login_service: by_login_service.collect(),
        with_totp: users.count(|row| users::is_activated(row) && TOTP.is_set(row)),
        with_email_2fa: users.count(|row| users::is_activated(row) && EMAIL_2FA.is_set(row)),
        custom_oauth: Vec::new(),
        with_extension: users.count(|row| EXTENSION.is_set(row)),
        by_language: Some(by_language.into_iter().collect()),
        accounts: users.len() as u64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn language_survives_packing_or_is_unpackable() {
        for language in ["de", "pt-BR", "zh-TW", "x", "Z9-a0", "-----"] {
            let packed = pack_language(Some(RawBsonRef::String(language)));
            assert_eq!(unpack_language(packed).as_deref(), Some(language));
            assert_eq!(LANGUAGE.get(LANGUAGE.put(packed)), packed);
        }
        for nothing in [None, Some(RawBsonRef::String("")), Some(RawBsonRef::Null)] {
            assert_eq!(pack_language(nothing), 0);
        }
        assert_eq!(unpack_language(0), None);
        for other in ["zh-Hant", "pt_BR", "d\u{e9}"] {
            assert_eq!(pack_language(Some(RawBsonRef::String(other))), UNPACKABLE);
        }
        assert_eq!(LANGUAGE.get(LANGUAGE.put(UNPACKABLE)), UNPACKABLE);
    }
}
