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
use std::sync::Arc;

pub use builtin_names::COMPAT;
use chunked_writer::ChunkedWriter;
pub use exporter_metrics::{
    EXPORTER_METRICS, ExporterState, ProcessStats, ReloadStatus, RequestStats, WorkspaceFileStats,
};
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

/// The body of a response about some workspaces, in chunks. Nothing is cached, and besides the body only one family's
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
    openmetrics::render(workspaces, |metadata, samples| {
        match format {
            MetricsFormat::OpenMetrics => to.write_all(metadata.as_bytes())?,
            MetricsFormat::Classic => to.write_all(text::metadata(metadata).as_bytes())?,
        }
        to.write_all(samples.as_bytes())
    })?;
    to.write_all(render_exporter(format, exporter).as_bytes())
}

fn render_exporter(format: MetricsFormat, exporter: &ExporterState) -> String {
    match format {
        MetricsFormat::OpenMetrics => openmetrics::render_exporter(exporter),
        MetricsFormat::Classic => text::from_openmetrics(&openmetrics::render_exporter(exporter)),
    }
}
