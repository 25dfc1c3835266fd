//! A value as the few bytes that it needs: what is kept for hours and looked at now and then is a tree of small
//! allocations no longer than somebody looks at it.

use std::borrow::Cow;

use super::value::{Timestamp, Value};

const NULL: u8 = 0;
const UNDEFINED: u8 = 1;
const FALSE: u8 = 2;
const TRUE: u8 = 3;
const INTEGER: u8 = 4;
const NUMBER: u8 = 5;
const TEXT: u8 = 6;
const DATE: u8 = 7;
const DATE_TEXT: u8 = 8;
const LIST: u8 = 9;
const OBJECT: u8 = 10;

/// A value in bytes: its kind, then eight bytes of a number or an instant, the length and bytes of a text, or the number
/// of members and the members. Only this file writes them, so they are always whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedValue(Box<[u8]>);

impl PackedValue {
    /// Packs a value.
    pub fn of(value: &Value) -> Self {
        let mut bytes = Vec::new();
        pack(value, &mut bytes);
        Self(bytes.into_boxed_slice())
    }

    /// The value.
    pub fn unpack(&self) -> Value {
        Reader(&self.0).value()
    }

    /// The value below the keys of objects within each other.
    pub fn at(&self, path: &[&str]) -> Option<Value> {
        self.reader_at(path).map(|mut reader| reader.value())
    }

    /// The text below the keys, when it is one.
    pub fn text_at(&self, path: &[&str]) -> Option<&str> {
        let mut reader = self.reader_at(path)?;
        (reader.byte() == TEXT).then(|| reader.text())
    }

    fn reader_at(&self, path: &[&str]) -> Option<Reader<'_>> {
        let mut reader = Reader(&self.0);
        for key in path {
            if reader.byte() != OBJECT {
                return None;
            }
            let mut members = 0..reader.length();
            members.find(|_| {
                let is_it = reader.text() == *key;
                if !is_it {
                    reader.skip();
                }
                is_it
            })?;
        }
        Some(reader)
    }
}

fn pack(value: &Value, bytes: &mut Vec<u8>) {
    match value {
        Value::Null => bytes.push(NULL),
        Value::Undefined => bytes.push(UNDEFINED),
        Value::Bool(false) => bytes.push(FALSE),
        Value::Bool(true) => bytes.push(TRUE),
        Value::Integer(number) => pack_eight(INTEGER, number.to_le_bytes(), bytes),
        Value::Number(number) => pack_eight(NUMBER, number.to_le_bytes(), bytes),
        Value::Date(instant) => pack_eight(DATE, instant.0.to_le_bytes(), bytes),
        Value::DateText(instant) => pack_eight(DATE_TEXT, instant.0.to_le_bytes(), bytes),
        Value::Text(text) => {
            bytes.push(TEXT);
            pack_text(text, bytes);
        }
        Value::List(items) => {
            bytes.push(LIST);
            pack_length(items.len(), bytes);
            for item in items {
                pack(item, bytes);
            }
        }
        Value::Object(entries) => {
            bytes.push(OBJECT);
            pack_length(entries.len(), bytes);
            for (key, value) in entries {
                pack_text(key, bytes);
                pack(value, bytes);
            }
        }
    }
}

fn pack_eight(kind: u8, eight: [u8; 8], bytes: &mut Vec<u8>) {
    bytes.push(kind);
    bytes.extend(eight);
}

fn pack_text(text: &str, bytes: &mut Vec<u8>) {
    pack_length(text.len(), bytes);
    bytes.extend(text.as_bytes());
}

/// Seven bits in each byte, the lowest first; the eighth says that there are more.
fn pack_length(mut length: usize, bytes: &mut Vec<u8>) {
    loop {
        let low = length.to_le_bytes()[0];
        length >>= 7;
        if length == 0 {
            bytes.push(low & 0x7f);
            return;
        }
        bytes.push(low | 0x80);
    }
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn value(&mut self) -> Value {
        match self.byte() {
            UNDEFINED => Value::Undefined,
            FALSE => Value::Bool(false),
            TRUE => Value::Bool(true),
            INTEGER => Value::Integer(i64::from_le_bytes(self.eight())),
            NUMBER => Value::Number(f64::from_le_bytes(self.eight())),
            TEXT => Value::text(self.text()),
            DATE => Value::Date(Timestamp(i64::from_le_bytes(self.eight()))),
            DATE_TEXT => Value::DateText(Timestamp(i64::from_le_bytes(self.eight()))),
            LIST => {
                let items = 0..self.length();
                Value::List(items.map(|_| self.value()).collect())
            }
            OBJECT => {
                let entries = 0..self.length();
                let entry = |_| (Cow::Owned(self.text().to_owned()), self.value());
                Value::Object(entries.map(entry).collect())
            }
            _ => Value::Null,
        }
    }

    fn skip(&mut self) {
        match self.byte() {
            INTEGER | NUMBER | DATE | DATE_TEXT => {
                self.eight();
            }
            TEXT => {
                self.text();
            }
            LIST => (0..self.length()).for_each(|_| self.skip()),
            OBJECT => (0..self.length()).for_each(|_| {
                self.text();
                self.skip();
            }),
            _ => {}
        }
    }

    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().expect("what was packed is whole");
        self.0 = rest;
        *first
    }

    fn eight(&mut self) -> [u8; 8] {
        let (eight, rest) = self
            .0
            .split_first_chunk()
            .expect("what was packed is whole");
        self.0 = rest;
        *eight
    }

    fn length(&mut self) -> usize {
        let mut length = 0;
        let mut place = 0;
        loop {
            let byte = self.byte();
            length |= usize::from(byte & 0x7f) << place;
            if byte & 0x80 == 0 {
                return length;
            }
            place += 7;
        }
    }

    fn text(&mut self) -> &'a str {
        let length = self.length();
        let (text, rest) = self.0.split_at(length);
        self.0 = rest;
        str::from_utf8(text).expect("only texts are packed as texts")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_kind() -> Value {
        Value::Object(vec![
            ("null".into(), Value::Null),
            ("undefined".into(), Value::Undefined),
            ("no".into(), Value::Bool(false)),
            ("yes".into(), Value::Bool(true)),
            (
                "integers".into(),
                Value::List([i64::MIN, -1, 0, 7, i64::MAX].map(Value::Integer).into()),
            ),
            (
                "numbers".into(),
                Value::List([-0.5, 0.1, f64::INFINITY].map(Value::Number).into()),
            ),
            ("".into(), Value::text("")),
            ("ä.$".into(), Value::text("größe\0")),
            ("long".into(), Value::text("x".repeat(20_000))),
            ("date".into(), Value::Date(Timestamp(-1))),
            (
                "date text".into(),
                Value::DateText(Timestamp(1_700_000_000_000)),
            ),
            ("empty list".into(), Value::List(Vec::new())),
            ("empty object".into(), Value::Object(Vec::new())),
            (
                "many".into(),
                Value::List((0..300).map(Value::Integer).collect()),
            ),
            (
                "deep".into(),
                Value::object([(
                    "er",
                    Some(Value::object([("est", Some(Value::text("end")))])),
                )]),
            ),
            ("yes".into(), Value::text("the same key once more")),
        ])
    }

    #[test]
    fn every_kind_of_value_comes_back_as_it_was_and_in_its_order() {
        let value = every_kind();
        assert_eq!(PackedValue::of(&value).unpack(), value);
        let odd = PackedValue::of(&Value::Number(f64::NAN)).unpack();
        assert!(matches!(odd, Value::Number(number) if number.is_nan()));
    }

    #[test]
    fn a_path_leads_to_what_stands_there_in_the_whole_value() {
        let value = every_kind();
        let packed = PackedValue::of(&value);
        let Value::Object(entries) = &value else {
            panic!("an object");
        };
        for (key, _) in entries {
            assert_eq!(packed.at(&[key]).as_ref(), value.get(key), "{key}");
        }
        assert_eq!(packed.at(&[]), Some(value));
        assert_eq!(packed.text_at(&["deep", "er", "est"]), Some("end"));
        assert_eq!(packed.text_at(&["deep", "er"]), None);
        assert_eq!(packed.at(&["deep", "est"]), None);
        assert_eq!(packed.at(&["yes", "er"]), None);
    }
}
