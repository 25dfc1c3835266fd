//! How a snapshot is shown. Each renderer is a walk over the catalogue; none knows how the numbers were read.

pub mod builtin_names;
pub mod chunked_writer;
pub mod exporter_metrics;
pub mod gzip;
pub mod openmetrics;
#[cfg(test)]
mod tests;
pub mod text;

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

pub use builtin_names::COMPAT;
use chunked_writer::Chunks;
pub use exporter_metrics::{ExporterProcess, OWN, Own, Reload, Requests};
use gzip::Compressed;
pub use gzip::gzip;

use crate::collectors::Snapshot;

/// Which names the metrics have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricNames {
    /// The exporter's own.
    Native,
    /// Those of Rocket.Chat's built-in exporter besides.
    WithCompat,
}

/// A format of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus text 0.0.4.
    Classic,
}

/// One workspace's part of an exposition.
#[derive(Debug, Clone)]
pub struct Part {
    /// The value of the label `workspace`; `None` where there is only one.
    pub workspace: Option<Arc<str>>,
    /// What was read.
    pub snapshot: Arc<Snapshot>,
    /// Which names the metrics have.
    pub names: MetricNames,
}

/// Metrics of one workspace at one moment; what takes time is done once for each format and encoding.
#[derive(Debug)]
pub struct Exposition {
    openmetrics: Text,
    classic: OnceLock<Text>,
    wanted: Arc<Wanted>,
}

/// Formats that somebody has asked for, plain and compressed: of the next moment they are made before they are asked for.
#[derive(Debug, Default)]
pub struct Wanted([[AtomicBool; 2]; 2]);

impl Wanted {
    fn each(&self, format: Format, gzip: bool) -> &AtomicBool {
        &self.0[usize::from(format == Format::Classic)][usize::from(gzip)]
    }
}

/// The beginning of an exposition, which what the exporter knows about itself completes.
#[derive(Debug)]
struct Text {
    plain: String,
    compressed: OnceLock<Compressed>,
}

impl Exposition {
    /// Renders one workspace, in every format that is wanted.
    pub fn of(part: Part, wanted: Arc<Wanted>) -> Self {
        let mut plain = String::new();
        openmetrics::render(&[part], |piece| {
            plain.push_str(piece);
            Ok(())
        })
        .expect("writing into memory cannot fail");
        plain.shrink_to_fit();
        let exposition = Self {
            openmetrics: Text::new(plain),
            classic: OnceLock::new(),
            wanted,
        };
        for format in [Format::OpenMetrics, Format::Classic] {
            let is_wanted = |gzip| exposition.wanted.each(format, gzip).load(Ordering::Relaxed);
            if is_wanted(true) {
                exposition.text(format).compressed();
            } else if is_wanted(false) {
                exposition.text(format);
            }
        }
        exposition
    }

    /// The whole body of an answer.
    pub fn body(&self, format: Format, gzip: bool, own: &Own) -> Vec<u8> {
        self.wanted
            .each(format, gzip)
            .store(true, Ordering::Relaxed);
        let own = render_own(format, own);
        let text = self.text(format);
        if gzip {
            text.compressed().completed_by(own.as_bytes())
        } else {
            [text.plain.as_bytes(), own.as_bytes()].concat()
        }
    }

    fn text(&self, format: Format) -> &Text {
        match format {
            Format::OpenMetrics => &self.openmetrics,
            Format::Classic => once(&self.classic, || {
                Text::new(text::from_openmetrics(&self.openmetrics.plain))
            }),
        }
    }
}

/// The whole body of an answer about some workspaces, in pieces. Nothing is kept for another one, and beside the body
/// there is never more than one family's or section's part of it.
pub fn body(parts: &[Part], format: Format, gzip: bool, own: &Own) -> Vec<Vec<u8>> {
    let mut body = Chunks::default();
    let written = if gzip {
        gzip::gzip_to(&mut body, |encoder| write(parts, format, own, encoder))
    } else {
        write(parts, format, own, &mut body)
    };
    written.expect("writing into memory cannot fail");
    body.into_pieces()
}

fn write(parts: &[Part], format: Format, own: &Own, to: &mut impl Write) -> io::Result<()> {
    openmetrics::render(parts, |piece| match format {
        Format::OpenMetrics => to.write_all(piece.as_bytes()),
        Format::Classic => to.write_all(text::from_openmetrics(piece).as_bytes()),
    })?;
    to.write_all(render_own(format, own).as_bytes())
}

fn render_own(format: Format, own: &Own) -> String {
    match format {
        Format::OpenMetrics => openmetrics::render_own(own),
        Format::Classic => text::from_openmetrics(&openmetrics::render_own(own)),
    }
}

impl Text {
    fn new(plain: String) -> Self {
        Self {
            plain,
            compressed: OnceLock::new(),
        }
    }

    fn compressed(&self) -> &Compressed {
        once(&self.compressed, || {
            Compressed::beginning(self.plain.as_bytes())
        })
    }
}

/// What is made when it is first wanted. Whoever wants it meanwhile makes it too: waiting would block a thread.
fn once<T>(cell: &OnceLock<T>, make: impl FnOnce() -> T) -> &T {
    if let Some(known) = cell.get() {
        return known;
    }
    let new = make();
    cell.get_or_init(|| new)
}
