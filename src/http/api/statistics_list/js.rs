//! Parameters and values as Rocket.Chat's JavaScript reads them: its parser of query strings (the package `qs`), `String`
//! and `parseInt`.

use percent_encoding::percent_decode_str;
use serde_json::{Number, Value};

/// The largest index in brackets that makes a list; beyond it the index is the name of a member.
const MAX_INDEX: u32 = 20;

/// The value of a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parameter {
    /// `name=text`.
    Text(String),
    /// `name=a&name=b`, `name[]=a` or `name[0]=a`.
    List(Vec<Parameter>),
    /// `name[member]=a`.
    Object,
}

impl Parameter {
    /// The parameter of a name in a query string; `None` where it does not occur.
    pub fn find(query: &str, name: &str) -> Option<Self> {
        let mut found = None;
        for part in query.split('&') {
            // As in qs, an equals sign in brackets belongs to the name.
            let end = part
                .find("]=")
                .map(|end| end + 1)
                .or_else(|| part.find('='));
            let (key, text) = end.map_or((part, ""), |end| (&part[..end], &part[end + 1..]));
            let key = decode(key);
            let Some(brackets) = key.strip_prefix(name).and_then(brackets) else {
                continue;
            };
            let value = Self::nested(&brackets, decode(text));
            found = Some(match found {
                None => value,
                Some(before) => Self::merge(before, value),
            });
        }
        found
    }

    fn nested(brackets: &[&str], text: String) -> Self {
        match brackets.split_first() {
            None => Self::Text(text),
            Some((index, inner)) if is_index(index) => Self::List(vec![Self::nested(inner, text)]),
            Some(_) => Self::Object,
        }
    }

    fn merge(before: Self, value: Self) -> Self {
        match (before, value) {
            (Self::Object, _) | (Self::List(_), Self::Object) => Self::Object,
            (Self::List(mut items), Self::List(more)) => {
                items.extend(more);
                Self::List(items)
            }
            (Self::List(mut items), value) => {
                items.push(value);
                Self::List(items)
            }
            (before, Self::List(more)) => Self::List([before].into_iter().chain(more).collect()),
            (before, value) => Self::List(vec![before, value]),
        }
    }

    /// `String(value)`.
    pub fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::List(items) => {
                let items: Vec<_> = items.iter().map(Self::text).collect();
                items.join(",")
            }
            Self::Object => OBJECT.to_owned(),
        }
    }

    /// Whether it is one text, and not empty.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Text(text) if text.is_empty())
    }
}

/// `String` of an object.
const OBJECT: &str = "[object Object]";

/// What is in each pair of brackets after a name; `None` if there is anything else.
fn brackets(mut rest: &str) -> Option<Vec<&str>> {
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (inner, after) = rest.strip_prefix('[')?.split_once(']')?;
        if inner.contains('[') {
            return None;
        }
        found.push(inner);
        rest = after;
    }
    Some(found)
}

fn is_index(text: &str) -> bool {
    text.is_empty()
        || text
            .parse::<u32>()
            .is_ok_and(|index| index <= MAX_INDEX && index.to_string() == text)
}

/// Decodes a name or a value. One with a malformed escape, or whose bytes are not UTF-8, stays as it is.
fn decode(text: &str) -> String {
    let spaced = text.replace('+', " ");
    let has_digits = |after: &str| {
        let digits = after.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !spaced.split('%').skip(1).all(has_digits) {
        return spaced;
    }
    let decoded = percent_decode_str(&spaced).decode_utf8();
    decoded.map(String::from).unwrap_or(spaced)
}

/// `parseInt(text)`: not a number where no digits lead the text.
pub fn parse_int(text: &str) -> f64 {
    let text = text.trim_start_matches(|char: char| char.is_whitespace() || char == '\u{feff}');
    let (is_negative, text) = match text.strip_prefix('-') {
        Some(text) => (true, text),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let hexadecimal = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let (text, radix) = hexadecimal.map_or((text, 10), |text| (text, 16));
    let end = text.find(|char: char| !char.is_digit(radix));
    let digits = &text[..end.unwrap_or(text.len())];
    if digits.is_empty() {
        return f64::NAN;
    }
    let number = if radix == 10 {
        digits.parse().unwrap_or(f64::NAN)
    } else {
        let digits = digits.chars().filter_map(|char| char.to_digit(radix));
        digits.fold(0.0, |number, digit| number * 16.0 + f64::from(digit))
    };
    if is_negative { -number } else { number }
}

/// `String(value)` of JSON.
pub fn text_of(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number
            .as_f64()
            .map_or_else(|| number.to_string(), |number| number.to_string()),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let text = |item: &Value| match item {
                Value::Null => String::new(),
                item => text_of(item),
            };
            items.iter().map(text).collect::<Vec<_>>().join(",")
        }
        Value::Object(_) => OBJECT.to_owned(),
    }
}

/// Whether JavaScript takes a value as false.
pub fn is_falsy(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(_) | Value::Object(_) => false,
    }
}

/// A number as JSON: null where it is not finite.
#[expect(
    clippy::cast_possible_truncation,
    reason = "checked to be a whole number in range"
)]
pub fn json_number(number: f64) -> Value {
    const MAX_SAFE: f64 = 9_007_199_254_740_991.0;
    if number.fract() == 0.0 && number.abs() <= MAX_SAFE {
        return Value::from(number as i64);
    }
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn integers_are_parsed_as_in_javascript() {
        for (text, number) in [
            ("12", 12.0),
            (" 12.9", 12.0),
            ("\u{feff}\t7", 7.0),
            ("1e3", 1.0),
            ("-1x", -1.0),
            ("+3", 3.0),
            ("0x1F", 31.0),
            ("-0Xa", -10.0),
            ("0b1", 0.0),
            ("007", 7.0),
            ("1,2", 1.0),
            ("9007199254740993", 9_007_199_254_740_992.0),
            ("99999999999999999999", 1e20),
        ] {
            assert!((parse_int(text) - number).abs() < 1e-9, "{text}");
        }
        for text in ["abc", "", "-", "0x", "Infinity", "null", "[object Object]"] {
            assert!(parse_int(text).is_nan(), "{text}");
        }
        assert_eq!(json_number(-0.0), json!(0));
        assert_eq!(json_number(f64::NAN), Value::Null);
        assert_eq!(json_number(1e20).as_f64(), Some(1e20));
    }

    #[test]
    fn parameters_are_parsed_as_by_qs() {
        for (query, text) in [
            ("count=5", Some("5")),
            ("count", Some("")),
            ("count=1&count=2", Some("1,2")),
            ("count[]=5", Some("5")),
            ("count%5B%5D=5&count[]=6", Some("5,6")),
            ("count[0]=5&other=1", Some("5")),
            ("count[21]=5", Some("[object Object]")),
            ("count[x]=5", Some("[object Object]")),
            ("count=1&count[x]=5", Some("1,[object Object]")),
            ("count[]=1&count=2", Some("1,2")),
            ("count[0][]=1", Some("1")),
            ("count[][x]=1", Some("[object Object]")),
            ("count[=5", None),
            ("counts=5", None),
            ("count=a+b%20c", Some("a b c")),
            ("count=%zz+", Some("%zz ")),
            ("count=%41%ff", Some("%41%ff")),
            ("count=a=b", Some("a=b")),
        ] {
            let found = Parameter::find(query, "count");
            assert_eq!(found.map(|found| found.text()).as_deref(), text, "{query}");
        }
    }
}
