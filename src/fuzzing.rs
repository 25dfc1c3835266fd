//! What the fuzz targets below `fuzz/` call: each reader of texts that come from outside, alone. Nothing else uses it.

use hyper::header::{self, HeaderMap, HeaderValue};

use crate::backend::query_filter::from_json as parse_query;
use crate::config::parse_file;
use crate::license::parse as parse_license;
use crate::{http, web_config};

/// A reader, by the name of its target.
pub type Target = (&'static str, fn(&[u8]));

/// Every reader.
pub const TARGETS: [Target; 5] = [
    ("config_file", config_file),
    ("web_config", web_config_file),
    ("accept", accept),
    ("query", query),
    ("license", license),
];

/// The file of `--config.file`.
fn config_file(bytes: &[u8]) {
    drop(parse_file(bytes));
}

/// The file of `--web.config.file`; files that it names are not read.
fn web_config_file(bytes: &[u8]) {
    drop(web_config::parse(bytes));
}

/// The headers by which a client says what it takes.
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// How often a seed is changed and read; `cargo xtask fuzz` goes on for as long as it is told.
    const CHANGES: u64 = 10_000;

    fn seeds(target: &str) -> Vec<Vec<u8>> {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
        let files = fs::read_dir(corpus.join(target)).expect("each target has a corpus");
        files
            .map(|file| fs::read(file.expect("it is listed").path()).expect("it can be read"))
            .collect()
    }

    fn changed(seed: &[u8], others: &[Vec<u8>], chance: &mut fastrand::Rng) -> Vec<u8> {
        let mut bytes = seed.to_vec();
        for _ in 0..chance.usize(1..6) {
            let place = chance.usize(0..=bytes.len());
            match chance.u8(0..5) {
                0 => bytes.truncate(place),
                1 => bytes.insert(place, chance.u8(..)),
                2 => bytes.extend_from_within(place..),
                3 if place < bytes.len() => bytes[place] ^= 1 << chance.u8(0..8),
                _ => {
                    let other = &others[chance.usize(0..others.len())];
                    let part = chance.usize(0..=other.len());
                    bytes.splice(place..place, other[part..].iter().copied());
                }
            }
            bytes.truncate(16 * 1024);
        }
        bytes
    }

    #[test]
    fn no_change_of_a_seed_ends_a_reader() {
        for (name, read) in TARGETS {
            let seeds = seeds(name);
            let mut chance = fastrand::Rng::with_seed(7);
            for seed in &seeds {
                read(seed);
                for _ in 0..CHANGES {
                    read(&changed(seed, &seeds, &mut chance));
                }
            }
        }
    }
}
