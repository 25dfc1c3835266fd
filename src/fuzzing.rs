//! The entry points of the fuzz targets in `fuzz/`: one for each parser of input from outside. Nothing else uses them.

use hyper::header::{self, HeaderMap, HeaderValue};

use crate::backend::query_filter::from_json as parse_query;
use crate::config::parse_file;
use crate::license::parse as parse_license;
use crate::rocketchat_client::AdminLogin;
use crate::rocketchat_client::probe::parse as parse_server_info;
use crate::{http, web_config};

/// The name of a target, and its parser.
pub type FuzzTarget = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [FuzzTarget; 6] = [
    ("config_file", config_file),
    ("web_config", web_config_file),
    ("accept", accept),
    ("query", query),
    ("license", license),
    ("server_info", server_info),
];

/// The file of `--config.file`.
fn config_file(bytes: &[u8]) {
    drop(parse_file(bytes));
}

/// The file of `--web.config.file`; files that it names are not read.
fn web_config_file(bytes: &[u8]) {
    drop(web_config::parse(bytes));
}

/// The headers `Accept` and `Accept-Encoding`.
fn accept(bytes: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(bytes) else {
        return;
    };
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, value.clone());
    headers.insert(header::ACCEPT_ENCODING, value);
    http::format(&headers);
    http::wants_gzip(&headers);
}

/// The parameter `query` of the list of stored statistics.
fn query(bytes: &[u8]) {
    if let Ok(query) = serde_json::from_slice(bytes) {
        drop(parse_query(&query));
    }
}

/// The license in the settings.
fn license(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        parse_license(text);
    }
}

/// What Rocket.Chat answers to the probe.
fn server_info(bytes: &[u8]) {
    let login = AdminLogin::new("theUserId", "theToken").ok();
    drop(parse_server_info(bytes, login.as_ref()));
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// Mutations of each seed; `cargo xtask fuzz` makes many more.
    const MUTATIONS: u64 = 1_000;

    fn seeds(target: &str) -> Vec<Vec<u8>> {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
        let files = fs::read_dir(corpus.join(target)).expect("each target has a corpus");
        files
            .map(|file| fs::read(file.expect("it is listed").path()).expect("it can be read"))
            .collect()
    }

    fn mutated(seed: &[u8], others: &[Vec<u8>], random: &mut fastrand::Rng) -> Vec<u8> {
        let mut bytes = seed.to_vec();
        for _ in 0..random.usize(1..6) {
            let position = random.usize(0..=bytes.len());
            match random.u8(0..5) {
                0 => bytes.truncate(position),
                1 => bytes.insert(position, random.u8(..)),
                2 => bytes.extend_from_within(position..),
                3 if position < bytes.len() => bytes[position] ^= 1 << random.u8(0..8),
                _ => {
                    let other = &others[random.usize(0..others.len())];
                    let part = random.usize(0..=other.len());
                    bytes.splice(position..position, other[part..].iter().copied());
                }
            }
            bytes.truncate(16 * 1024);
        }
        bytes
    }

    #[test]
    fn parsers_do_not_panic_on_mutated_seeds() {
        for (name, parse) in TARGETS {
            let seeds = seeds(name);
            let mut random = fastrand::Rng::with_seed(7);
            for seed in &seeds {
                parse(seed);
                for _ in 0..MUTATIONS {
                    parse(&mutated(seed, &seeds, &mut random));
                }
            }
        }
    }
}
