//! Renders snapshots as metrics, in every format and encoding. The renderers walk over the catalogue.

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
use chunked_writer::ChunkedWriter;
pub use exporter_metrics::{
    EXPORTER_METRICS, ExporterState, ProcessStats, ReloadStatus, RequestStats, WorkspaceFileStats,
};
use gzip::GzipPrefix;
pub use gzip::gzip;

use crate::collectors::{ExposedMetrics, Snapshot};

/// Which names the metrics have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricNames {
    /// The exporter's own names.
    Native,
    /// In addition those of Rocket.Chat's built-in exporter.
    WithCompat,
}

/// A format of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsFormat {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus text 0.0.4.
    Classic,
}

/// The snapshot of one workspace.
#[derive(Debug, Clone)]
pub struct WorkspaceSnapshot {
    /// The value of the label `workspace`; `None` when there is only one.
    pub workspace: Option<Arc<str>>,
    /// The snapshot.
    pub snapshot: Arc<Snapshot>,
    /// Which names the metrics have.
    pub names: MetricNames,
    /// Which metrics are exposed.
    pub exposed: ExposedMetrics,
}

/// The rendered metrics of one snapshot; each format and encoding is rendered once.
#[derive(Debug)]
pub struct Exposition {
    openmetrics: RenderedText,
    classic: OnceLock<RenderedText>,
    requested: Arc<RequestedFormats>,
}

/// Formats and encodings that were requested once; they are rendered ahead for each new snapshot.
#[derive(Debug, Default)]
pub struct RequestedFormats([[AtomicBool; 2]; 2]);

impl RequestedFormats {
    fn flag(&self, format: MetricsFormat, gzip: bool) -> &AtomicBool {
        &self.0[usize::from(format == MetricsFormat::Classic)][usize::from(gzip)]
    }
}

/// The body without the metrics about the exporter, which follow it.
#[derive(Debug)]
struct RenderedText {
    plain: String,
    compressed: OnceLock<GzipPrefix>,
}

impl Exposition {
    /// Renders a snapshot in the requested formats.
    pub fn of(workspace: WorkspaceSnapshot, requested: Arc<RequestedFormats>) -> Self {
        let mut plain = String::new();
        openmetrics::render(&[workspace], |text| {
            plain.push_str(text);
            Ok(())
        })
        .expect("writing into memory cannot fail");
        plain.shrink_to_fit();
        let exposition = Self {
            openmetrics: RenderedText::new(plain),
            classic: OnceLock::new(),
            requested,
        };
        for format in [MetricsFormat::OpenMetrics, MetricsFormat::Classic] {
            let is_requested = |gzip| {
                exposition
                    .requested
                    .flag(format, gzip)
                    .load(Ordering::Relaxed)
            };
            if is_requested(true) {
                exposition.text(format).compressed();
            } else if is_requested(false) {
                exposition.text(format);
            }
        }
        exposition
    }

    /// The body of a response.
    pub fn body(&self, format: MetricsFormat, gzip: bool, exporter: &ExporterState) -> Vec<u8> {
        self.requested
            .flag(format, gzip)
            .store(true, Ordering::Relaxed);
        let exporter = render_exporter(format, exporter);
        let text = self.text(format);
        if gzip {
            text.compressed().complete(exporter.as_bytes())
        } else {
            [text.plain.as_bytes(), exporter.as_bytes()].concat()
        }
    }

    fn text(&self, format: MetricsFormat) -> &RenderedText {
        match format {
            MetricsFormat::OpenMetrics => &self.openmetrics,
            MetricsFormat::Classic => once(&self.classic, || {
                RenderedText::new(text::from_openmetrics(&self.openmetrics.plain))
            }),
        }
    }
}

/// The body of a response about some workspaces, in chunks. Nothing is cached, and besides the body only one section's
/// text is in memory at a time.
pub fn body(
    workspaces: &[WorkspaceSnapshot],
    format: MetricsFormat,
    gzip: bool,
    exporter: &ExporterState,
) -> Vec<Vec<u8>> {
    let mut body = ChunkedWriter::default();
    let written = if gzip {
        gzip::gzip_to(&mut body, |encoder| {
            write(workspaces, format, exporter, encoder)
        })
    } else {
        write(workspaces, format, exporter, &mut body)
    };
    written.expect("writing into memory cannot fail");
    body.into_chunks()
}

fn write(
    workspaces: &[WorkspaceSnapshot],
    format: MetricsFormat,
    exporter: &ExporterState,
    to: &mut impl Write,
) -> io::Result<()> {
    openmetrics::render(workspaces, |text| match format {
        MetricsFormat::OpenMetrics => to.write_all(text.as_bytes()),
        MetricsFormat::Classic => to.write_all(text::from_openmetrics(text).as_bytes()),
    })?;
    to.write_all(render_exporter(format, exporter).as_bytes())
}

fn render_exporter(format: MetricsFormat, exporter: &ExporterState) -> String {
    match format {
        MetricsFormat::OpenMetrics => openmetrics::render_exporter(exporter),
        MetricsFormat::Classic => text::from_openmetrics(&openmetrics::render_exporter(exporter)),
    }
}

impl RenderedText {
    fn new(plain: String) -> Self {
        Self {
            plain,
            compressed: OnceLock::new(),
        }
    }

    fn compressed(&self) -> &GzipPrefix {
        once(&self.compressed, || GzipPrefix::new(self.plain.as_bytes()))
    }
}

/// Initializes a cell. Concurrent callers may all call `make`, because waiting would block a thread.
fn once<T>(cell: &OnceLock<T>, make: impl FnOnce() -> T) -> &T {
    if let Some(value) = cell.get() {
        return value;
    }
    let value = make();
    cell.get_or_init(|| value)
}
