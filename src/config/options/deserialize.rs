//! Values in the configuration file, parsed as their flags are. serde's `deserialize_with` takes a function for each.

use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::bounds::{
    CONNECT_TIMEOUT, INTERVAL, LIVE_MAX_MEMORY, MAX_CONNECTIONS, MAX_SHARE, QUERY_TIMEOUT,
    parse_database_name,
};
use crate::catalogue::NamedVersion;

/// Characters of an invalid value that its error message quotes.
const MAX_QUOTED: usize = 100;

macro_rules! parsed {
    ($($name:ident -> $type:ty = $parse:expr;)*) => {$(
        pub fn $name<'de, D: Deserializer<'de>>(value: D) -> Result<Option<$type>, D::Error> {
            parse_scalar(value, $parse)
        }
    )*};
}

parsed! {
    query_timeout -> Duration = |text| QUERY_TIMEOUT.parse(text);
    connect_timeout -> Duration = |text| CONNECT_TIMEOUT.parse(text);
    interval -> Duration = |text| INTERVAL.parse(text);
    max_share -> f64 = |text| MAX_SHARE.parse(text);
    live_max_memory -> u32 = |text| LIVE_MAX_MEMORY.parse(text);
    max_connections -> u32 = |text| MAX_CONNECTIONS.parse(text);
    database -> String = parse_database_name;
    version -> NamedVersion = |text| text.parse().map_err(|error: <NamedVersion as std::str::FromStr>::Err| error.to_string());
}

fn parse_scalar<'de, D: Deserializer<'de>, T>(
    value: D,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, D::Error> {
    let text = String::deserialize(value)?;
    parse(&text).map(Some).map_err(|expected| {
        let (quoted, rest) = match text.char_indices().nth(MAX_QUOTED) {
            Some((end, _)) => (&text[..end], "..."),
            None => (&*text, ""),
        };
        D::Error::custom(format!("invalid value `{quoted}{rest}`: {expected}"))
    })
}
