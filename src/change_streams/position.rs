//! How far a change stream has come, as its resume token tells.

use mongodb::bson::{Bson, Timestamp, serialize_to_bson};
use mongodb::change_stream::event::ResumeToken;

/// The type of a timestamp in the text of a token, in hexadecimal digits.
const TIMESTAMP: &str = "82";

/// Digits of each half of a timestamp.
const HALF: usize = 8;

/// The time of the set up to which a stream with this token told everything; `None` where the token is written otherwise
/// than MongoDB writes it. An empty answer moves it too, as far as a majority of the set has come.
/// <https://github.com/mongodb/mongo/blob/master/src/mongo/db/pipeline/README.md>
pub fn position(token: &ResumeToken) -> Option<Timestamp> {
    let token = serialize_to_bson(token).ok()?;
    of_text(match token.as_document()?.get("_data")? {
        Bson::String(text) => text,
        _ => return None,
    })
}

fn of_text(text: &str) -> Option<Timestamp> {
    let digits = text.strip_prefix(TIMESTAMP)?;
    let half = |from: usize| u32::from_str_radix(digits.get(from..from + HALF)?, 16).ok();
    Some(Timestamp {
        time: half(0)?,
        increment: half(HALF)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_begins_with_the_time_up_to_which_everything_was_told() {
        // Of MongoDB 6.0, after an answer without changes.
        let text = "826B0AFA9D0000001C2B0229296E04";
        let expected = Timestamp {
            time: 0x6b0a_fa9d,
            increment: 0x1c,
        };
        assert_eq!(of_text(text), Some(expected));
    }

    #[test]
    fn a_token_of_another_kind_tells_no_time() {
        for text in [
            "",
            "82",
            "826B0AFA9D00",
            "016B0AFA9D0000001C",
            "82\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}",
        ] {
            assert_eq!(of_text(text), None, "{text}");
        }
    }
}
