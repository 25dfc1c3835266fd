//! The position of a change stream, read from its resume token.

use mongodb::bson::{RawDocument, Timestamp};

/// Marks a timestamp in the text of a token, in hexadecimal digits.
const TIMESTAMP: &str = "82";

/// Digits of each half of a timestamp.
const HALF_DIGITS: usize = 8;

/// The time of the replica set up to which a stream with this token is complete; `None` where the token has another format
/// than MongoDB's. An empty reply advances it too, as far as a majority of the set has written.
/// <https://github.com/mongodb/mongo/blob/master/src/mongo/db/pipeline/README.md>
pub fn position(token: &RawDocument) -> Option<Timestamp> {
    parse(token.get_str("_data").ok()?)
}

fn parse(text: &str) -> Option<Timestamp> {
    let digits = text.strip_prefix(TIMESTAMP)?;
    let half = |from: usize| u32::from_str_radix(digits.get(from..from + HALF_DIGITS)?, 16).ok();
    Some(Timestamp {
        time: half(0)?,
        increment: half(HALF_DIGITS)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_begins_with_its_position() {
        // Of MongoDB 6.0, after a reply without changes.
        let text = "826B0AFA9D0000001C2B0229296E04";
        let expected = Timestamp {
            time: 0x6b0a_fa9d,
            increment: 0x1c,
        };
        assert_eq!(parse(text), Some(expected));
    }

    #[test]
    fn token_of_another_format_has_no_position() {
        for text in [
            "",
            "82",
            "826B0AFA9D00",
            "016B0AFA9D0000001C",
            "82\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
