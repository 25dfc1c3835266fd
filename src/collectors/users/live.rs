//! What a row tells of a user: presence, kind, state, ways to log in, second factors, extension, language.

use mongodb::bson::{Bson, RawBsonRef, doc};

use crate::change_streams::{Field, Packed, Row, bits, existence, field, flag, truth, within};
use crate::collectors::user_features::LOGIN_SERVICES;

/// The field with the ways to log in, and much that changes with every login.
pub const SERVICES: &str = "services";

pub const STATUS: Row = 0b11;
pub const CONNECTION: Row = 0b11 << 2;
pub const KIND: Row = 0b11 << 4;
pub const BOT: Row = 1 << 4;
pub const APP: Row = 2 << 4;
pub const STATE: Row = 0b11 << 6;
pub const ACTIVATED: Row = 1 << 6;
pub const DEACTIVATED: Row = 2 << 6;
/// The role of a guest, and no other.
pub const GUEST: Row = 1 << 8;
pub const REMOTE: Row = 1 << 9;
pub const FEDERATED: Row = 1 << 10;
pub const TOTP: Row = 1 << 11;
pub const EMAIL_2FA: Row = 1 << 12;
pub const EXTENSION: Row = 1 << 13;
/// A language that is no short code, or none at all that could be told.
pub const ODD_LANGUAGE: Row = 1 << 14;

/// Both states of presence, in the places that their masks say.
pub const ONLINE: Row = 1;
pub const AWAY: Row = 2;
pub const BUSY: Row = 3;

/// Where the bits of [`LOGIN_SERVICES`] begin, one for each.
const FIRST_SERVICE: usize = 15;
const ALL_SERVICES: Row = ((1 << LOGIN_SERVICES.len()) - 1) << FIRST_SERVICE;

/// Where the letters of the language begin.
const FIRST_LETTER: usize = FIRST_SERVICE + LOGIN_SERVICES.len();
const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
const LETTER_BITS: usize = 6;
/// As long as `pt-BR` is; two bits stay unused, so that no row is like one whose document is gone.
const MOST_LETTERS: usize = 5;
const LANGUAGE: Row = ((1 << (MOST_LETTERS * LETTER_BITS)) - 1) << FIRST_LETTER;

/// Whether a row is one of a person: neither a bot nor an app.
pub const fn is_person(row: Row) -> bool {
    row & KIND == 0
}

/// The bit of the login service at a place of [`LOGIN_SERVICES`].
pub const fn service(place: usize) -> Row {
    1 << (FIRST_SERVICE + place)
}

/// The language of a row.
pub fn language(row: Row) -> Option<String> {
    let letters = (0..MOST_LETTERS).map_while(|place| {
        let code = row >> (FIRST_LETTER + place * LETTER_BITS) & ((1 << LETTER_BITS) - 1);
        let letter = LETTERS.get(usize::try_from(code).ok()?.checked_sub(1)?)?;
        Some(char::from(*letter))
    });
    let language: String = letters.collect();
    (!language.is_empty()).then_some(language)
}

/// Paths of all below [`SERVICES`] that counts.
pub fn parts() -> Vec<String> {
    let factors = ["totp", "email2fa"];
    let names = LOGIN_SERVICES.iter().chain(&factors);
    names.map(|name| format!("{SERVICES}.{name}")).collect()
}

pub const FIELDS: &[Field] = &[
    field("status", STATUS, |_, value| presence(value, 0)),
    field("statusConnection", CONNECTION, |_, value| {
        presence(value, 2)
    }),
    field("type", KIND, |_, value| {
        bits(match value {
            Some(RawBsonRef::String("bot")) => BOT,
            Some(RawBsonRef::String("app")) => APP,
            _ => 0,
        })
    }),
    field("active", STATE, |_, value| {
        bits(match value {
            Some(RawBsonRef::Boolean(true)) => ACTIVATED,
            Some(RawBsonRef::Boolean(false)) => DEACTIVATED,
            _ => 0,
        })
    }),
    field("roles", GUEST, |bit, value| {
        flag(bit, is_guest_alone(value))
    }),
    field("isRemote", REMOTE, truth),
    field("federated", FEDERATED, truth),
    field("extension", EXTENSION, existence),
    field("language", LANGUAGE | ODD_LANGUAGE, |_, value| {
        bits(by_letters(value))
    }),
    // Nothing but names: what is below them are secrets.
    Field {
        name: "loginServices",
        path: SERVICES,
        told: Some(names),
        mask: ALL_SERVICES,
        pack: |_, names| bits(services(names)),
    },
    within("services.totp.enabled", "totp", TOTP, switched_on),
    within(
        "services.email2fa.enabled",
        "email2fa",
        EMAIL_2FA,
        switched_on,
    ),
];

/// The names of the fields of an object; nothing of anything else.
fn names(path: &str) -> Bson {
    let is_object = doc! { "$eq": [{ "$type": path }, "object"] };
    let names = doc! { "$map": {
        "input": { "$cond": [is_object, { "$objectToArray": path }, []] },
        "in": "$$this.k",
    } };
    names.into()
}

fn services(names: Option<RawBsonRef<'_>>) -> Row {
    let Some(RawBsonRef::Array(names)) = names else {
        return 0;
    };
    let places = names.into_iter().flatten().filter_map(|name| {
        let name = name.as_str()?;
        LOGIN_SERVICES.iter().position(|it| *it == name)
    });
    places.map(service).fold(0, |all, bit| all | bit)
}

fn presence(value: Option<RawBsonRef<'_>>, place: u32) -> Packed {
    let state = match value {
        Some(RawBsonRef::String("online")) => ONLINE,
        Some(RawBsonRef::String("away")) => AWAY,
        Some(RawBsonRef::String("busy")) => BUSY,
        _ => 0,
    };
    bits(state << place)
}

fn is_guest_alone(value: Option<RawBsonRef<'_>>) -> bool {
    let Some(RawBsonRef::Array(roles)) = value else {
        return false;
    };
    let mut roles = roles.into_iter();
    let first = roles.next();
    matches!(first, Some(Ok(RawBsonRef::String("guest")))) && roles.next().is_none()
}

fn switched_on(bit: Row, value: Option<RawBsonRef<'_>>) -> Packed {
    flag(bit, holds_true(value))
}

/// Whether MongoDB finds true: it looks into lists.
fn holds_true(value: Option<RawBsonRef<'_>>) -> bool {
    match value {
        Some(RawBsonRef::Boolean(value)) => value,
        Some(RawBsonRef::Array(items)) => items.into_iter().any(|it| holds_true(it.ok())),
        _ => false,
    }
}

/// The letters of a language; of anything that they do not tell, a list among them, that there is such a thing.
fn by_letters(value: Option<RawBsonRef<'_>>) -> Row {
    let letters = match value {
        Some(RawBsonRef::String(language)) => language.as_bytes(),
        Some(RawBsonRef::Array(_)) => return ODD_LANGUAGE,
        _ => &[],
    };
    if letters.len() > MOST_LETTERS {
        return ODD_LANGUAGE;
    }
    let mut row = 0;
    for letter in letters.iter().rev() {
        let Some(place) = LETTERS.iter().position(|it| it == letter) else {
            return ODD_LANGUAGE;
        };
        row = row << LETTER_BITS | (place as Row + 1);
    }
    row << FIRST_LETTER
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_of_a_row_is_the_one_that_was_packed_and_any_other_is_said_to_be_odd() {
        for language in ["de", "pt-BR", "zh-TW", "x", "Z9-a0"] {
            let row = by_letters(Some(RawBsonRef::String(language)));
            assert_eq!(super::language(row).as_deref(), Some(language));
            assert_eq!(row & !LANGUAGE, 0);
        }
        for nothing in [None, Some(RawBsonRef::String("")), Some(RawBsonRef::Null)] {
            assert_eq!(by_letters(nothing), 0);
        }
        assert_eq!(super::language(0), None);
        for odd in ["zh-Hant", "pt_BR", "d\u{e9}"] {
            assert_eq!(by_letters(Some(RawBsonRef::String(odd))), ODD_LANGUAGE);
        }
    }

    #[test]
    fn no_two_fields_share_a_bit_and_no_user_has_all() {
        let mut all = 0;
        for field in FIELDS {
            assert_eq!(all & field.mask, 0, "{}", field.name);
            all |= field.mask;
        }
        assert_ne!(all, Row::MAX);
    }
}
