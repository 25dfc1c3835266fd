//! How a snapshot is shown. Each renderer is a walk over the catalogue; none knows how the numbers were read.

pub mod classic;
pub mod document;
pub mod openmetrics;
pub mod page;
pub mod reference;

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::statistics::Snapshot;

/// What `/metrics` answers until the next snapshot, in both formats and both encodings.
#[derive(Debug, Clone)]
pub struct Exposition {
    /// OpenMetrics 1.0.
    pub openmetrics: Body,
    /// Prometheus text 0.0.4.
    pub classic: Body,
}

/// Which names the metrics have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// The exporter's own.
    Own,
    /// Those of Rocket.Chat's built-in exporter besides.
    WithBuiltIn,
}

/// A body as it is, and compressed.
#[derive(Debug, Clone)]
pub struct Body {
    /// As it is.
    pub plain: Bytes,
    /// Compressed by gzip.
    pub gzip: Bytes,
}

impl Exposition {
    /// Renders everything that a scrape may ask for.
    pub fn of(snapshot: &Snapshot, names: Names) -> Self {
        let openmetrics = openmetrics::render(snapshot, names);
        let classic = classic::from_openmetrics(&openmetrics);
        Self {
            openmetrics: Body::of(openmetrics),
            classic: Body::of(classic),
        }
    }
}

impl Body {
    fn of(text: String) -> Self {
        let plain = text.into_bytes();
        Self {
            gzip: gzip(&plain).into(),
            plain: plain.into(),
        }
    }
}

/// Compresses a body.
pub fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 4), Compression::default());
    encoder
        .write_all(plain)
        .and_then(|()| encoder.finish())
        .expect("writing into memory cannot fail")
}
