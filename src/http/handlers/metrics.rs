//! `/metrics` and `/probe`: the metrics of all workspaces or of one, of all collectors or of selected ones.
//!
//! Metrics are rendered when they are scraped, at most once a second in each format and encoding, so that frequent scrapes
//! only copy a reference. A single workspace is rendered again as soon as it has a new snapshot. The metrics of several are
//! kept compressed only, because a thousand take tens of megabytes otherwise, and decompressed while they are sent.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use flate2::bufread::GzDecoder;
use hyper::Request;
use hyper::body::Incoming;
use tokio::sync::{OnceCell, Semaphore};
use tokio::task::block_in_place;

use crate::collectors::{Collector, ExposedMetrics, Snapshot};
use crate::exposition::{self, ExporterState, MetricNames, MetricsFormat, WorkspaceSnapshot};
use crate::http::body::{Body, BodySender};
use crate::http::chunked_bytes::ChunkedBytes;
use crate::http::query_string::Parameters;
use crate::http::response::{self, Response};
use crate::http::{App, ServedWorkspaces, Targets, content_negotiation};
use crate::supervision::restarts;

/// In `collect[]` the metrics about the exporter, which each response has.
const EXPORTER: &str = "exporter";

/// How long a rendered body is served.
const MAX_AGE: Duration = Duration::from_secs(1);

/// Concurrent renderings that are not cached: each takes a thread and memory.
const MAX_RENDERINGS: usize = 2;

/// The size of the chunks of a body that is decompressed while it is sent.
const CHUNK_BYTES: u64 = 64 * 1024;

/// Caches response bodies between scrapes.
pub struct MetricsCache {
    // A std mutex: nothing is awaited or rendered while it is held.
    cached: Mutex<Option<Arc<CachedBodies>>>,
    negotiation: content_negotiation::NegotiationCache,
    renderings: Semaphore,
}

/// The bodies of one snapshot, for up to [`MAX_AGE`].
struct CachedBodies {
    rendered_at: Instant,
    targets: Arc<Targets>,
    /// The snapshot of the only workspace, for comparison.
    snapshot: Weak<Snapshot>,
    own: ExporterState,
    /// By format and encoding. Concurrent scrapes wait for one rendering without blocking a thread.
    bodies: [OnceCell<ChunkedBytes>; 4],
}

impl Default for MetricsCache {
    fn default() -> Self {
        Self {
            cached: Mutex::default(),
            negotiation: content_negotiation::NegotiationCache::default(),
            renderings: Semaphore::new(MAX_RENDERINGS),
        }
    }
}

/// Handles a request to `/metrics` that began at `now`.
pub async fn metrics(app: &App, request: &Request<Incoming>, now: Instant) -> Response {
    let targets = app.targets();
    let parameters = Parameters::of(request);
    let collectors = match selected(&targets, &parameters) {
        Ok(collectors) => collectors,
        Err(reason) => return response::bad_request(reason),
    };
    let (negotiated, gzip) = app.metrics.negotiation.negotiate(request.headers());
    let format = negotiated.format;
    let body = match collectors {
        None => app.metrics.body(app, &targets, format, gzip, now).await,
        Some(collectors) => {
            // Without a collector only the metrics about the exporter remain.
            let parts = parts(&targets).filter(|_| !collectors.is_empty());
            let parts = parts.map(|part| restrict(part, &collectors));
            let parts: Vec<_> = parts.collect();
            Body::full(app.metrics.render(&parts, format, gzip, &own(app)).await)
        }
    };
    response::negotiated(body, negotiated.content_type, gzip)
}

/// Handles `/probe?target=NAME`: the metrics of one of several workspaces, without the label `workspace` and without the
/// exporter's own metrics.
pub async fn probe(app: &App, request: &Request<Incoming>) -> Response {
    let targets = app.targets();
    let parameters = Parameters::of(request);
    let Some(name) = parameters.once("target") else {
        return response::bad_request(
            "Say which workspace is meant: /probe?target=NAME\n".to_owned(),
        );
    };
    let Some(workspace) = targets.named(name) else {
        return response::bad_request(format!(
            "There is no workspace of this name: {}\n",
            name.escape_default()
        ));
    };
    let collectors = match selected(&targets, &parameters) {
        Ok(collectors) => collectors,
        Err(reason) => return response::bad_request(reason),
    };
    let mut part = WorkspaceSnapshot {
        workspace: None,
        snapshot: Arc::clone(&workspace.snapshots.borrow()),
        names: workspace.names,
        exposed: workspace.exposed.clone(),
    };
    if let Some(collectors) = collectors {
        part = restrict(part, &collectors);
    }
    let (negotiated, gzip) = app.metrics.negotiation.negotiate(request.headers());
    let format = negotiated.format;
    let own = ExporterState::default();
    let body = app.metrics.render(&[part], format, gzip, &own).await;
    response::negotiated(Body::full(body), negotiated.content_type, gzip)
}

/// The collectors that `collect[]` or `exclude[]` selects; `None` means all.
fn selected(
    targets: &Targets,
    parameters: &Parameters,
) -> Result<Option<BTreeSet<Collector>>, String> {
    let collect = parse_collectors(targets, "collect[]", parameters)?;
    let exclude = parse_collectors(targets, "exclude[]", parameters)?;
    let selects = parameters.all("collect[]").next().is_some();
    match (selects, exclude.is_empty()) {
        (false, true) => Ok(None),
        (true, true) => Ok(Some(collect)),
        (false, false) => Ok(Some(&targets.collectors - &exclude)),
        (true, false) => Err("collect[] and exclude[] cannot be used together\n".to_owned()),
    }
}

fn parse_collectors(
    targets: &Targets,
    parameter: &str,
    parameters: &Parameters,
) -> Result<BTreeSet<Collector>, String> {
    let mut collectors = BTreeSet::new();
    let names = parameters.all(parameter);
    for name in names.filter(|name| parameter != "collect[]" || *name != EXPORTER) {
        let invalid = |what: &str| format!("{parameter}: {what}: {}\n", name.escape_default());
        let collector =
            Collector::named(name).ok_or_else(|| invalid("there is no collector of this name"))?;
        if !targets.collectors.contains(&collector) {
            return Err(invalid("this collector is switched off"));
        }
        collectors.insert(collector);
    }
    Ok(collectors)
}

fn restrict(part: WorkspaceSnapshot, collectors: &BTreeSet<Collector>) -> WorkspaceSnapshot {
    WorkspaceSnapshot {
        snapshot: Arc::new(part.snapshot.only(collectors)),
        ..part
    }
}

/// The parts of an exposition of all targets.
fn parts(targets: &Targets) -> impl Iterator<Item = WorkspaceSnapshot> {
    let host = targets.host.iter().map(|snapshots| WorkspaceSnapshot {
        workspace: None,
        snapshot: Arc::<Snapshot>::clone(&snapshots.borrow()),
        names: MetricNames::Native,
        exposed: ExposedMetrics::All,
    });
    let workspaces: Vec<_> = match &targets.workspaces {
        ServedWorkspaces::Single(workspace) => vec![(None, workspace)],
        ServedWorkspaces::Named(workspaces) => workspaces
            .iter()
            .map(|(name, workspace)| (Some(Arc::clone(name)), workspace))
            .collect(),
    };
    let workspaces = workspaces
        .into_iter()
        .map(|(name, workspace)| WorkspaceSnapshot {
            workspace: name,
            snapshot: Arc::clone(&workspace.snapshots.borrow()),
            names: workspace.names,
            exposed: workspace.exposed.clone(),
        });
    host.chain(workspaces)
}

fn own(app: &App) -> ExporterState {
    ExporterState {
        process: app.process.borrow().clone(),
        requests: app.counters.read(),
        task_restarts: restarts(),
        reload: Some(app.control.last_reload()),
        shard: app.shard,
        workspace_files: app.control.workspace_files(),
        lost_lines: Some((app.lost_log_lines)()),
    }
}

fn chunked(body: Vec<Vec<u8>>) -> ChunkedBytes {
    body.into_iter().map(Bytes::from).collect()
}

/// A compressed body, decompressed while it is sent.
fn decompressed(compressed: ChunkedBytes) -> Body {
    // The last four bytes of gzip.
    let mut trailer = compressed.clone();
    trailer.advance(trailer.remaining() - size_of::<u32>());
    let (sender, body) = Body::channel(1, Some(trailer.get_u32_le().into()));
    tokio::spawn(async move {
        let sent = send_decompressed(compressed, sender).await;
        // The client sees a truncated response.
        if let Err(error) = sent {
            tracing::warn!(reason = %error, "a cached response cannot be decompressed; please report it");
        }
    });
    body
}

/// Sends all bytes, or those before the client disconnects.
async fn send_decompressed(compressed: ChunkedBytes, sender: BodySender) -> io::Result<()> {
    let mut decoder = GzDecoder::new(compressed.reader());
    loop {
        let mut chunk = Vec::new();
        if decoder.by_ref().take(CHUNK_BYTES).read_to_end(&mut chunk)? == 0 {
            sender.end().await.ok();
            return Ok(());
        }
        if sender.send(chunk.into()).await.is_err() {
            return Ok(());
        }
    }
}

impl MetricsCache {
    /// The body of all targets, cached for a second.
    async fn body(
        &self,
        app: &App,
        targets: &Arc<Targets>,
        format: MetricsFormat,
        gzip: bool,
        now: Instant,
    ) -> Body {
        let bodies = self.current(app, targets, now);
        let is_compressed = gzip || targets.only().is_none();
        let render = || {
            let parts: Vec<_> = parts(targets).collect();
            chunked(exposition::body(&parts, format, is_compressed, &bodies.own))
        };
        let index = usize::from(format == MetricsFormat::Classic) * 2 + usize::from(is_compressed);
        let body = bodies.bodies[index].get_or_init(|| async { block_in_place(render) });
        let body = body.await.clone();
        if is_compressed && !gzip {
            decompressed(body)
        } else {
            Body::full(body)
        }
    }

    /// The bodies of the current snapshot and second.
    fn current(&self, app: &App, targets: &Arc<Targets>, now: Instant) -> Arc<CachedBodies> {
        let snapshot = targets
            .only()
            .map(|only| Arc::clone(&only.snapshots.borrow()));
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        // The old bodies are freed before new ones are rendered.
        drop(cached.take_if(|bodies| {
            now.saturating_duration_since(bodies.rendered_at) >= MAX_AGE
                || !bodies.show(targets, snapshot.as_ref())
        }));
        let bodies = cached
            .get_or_insert_with(|| Arc::new(CachedBodies::new(app, targets, snapshot.as_ref())));
        Arc::clone(bodies)
    }

    /// Renders a body that is not cached.
    async fn render(
        &self,
        parts: &[WorkspaceSnapshot],
        format: MetricsFormat,
        gzip: bool,
        own: &ExporterState,
    ) -> ChunkedBytes {
        // Fails only when the semaphore is closed, which never happens.
        let _rendering = self.renderings.acquire().await.ok();
        block_in_place(|| chunked(exposition::body(parts, format, gzip, own)))
    }
}

impl CachedBodies {
    fn new(app: &App, targets: &Arc<Targets>, snapshot: Option<&Arc<Snapshot>>) -> Self {
        Self {
            rendered_at: Instant::now(),
            targets: Arc::clone(targets),
            snapshot: snapshot.map(Arc::downgrade).unwrap_or_default(),
            own: own(app),
            bodies: [const { OnceCell::const_new() }; 4],
        }
    }

    /// Whether these are bodies of the current targets and snapshot.
    fn show(&self, targets: &Arc<Targets>, snapshot: Option<&Arc<Snapshot>>) -> bool {
        let is_same = |snapshot| Weak::as_ptr(&self.snapshot) == Arc::as_ptr(snapshot);
        Arc::ptr_eq(&self.targets, targets) && snapshot.is_none_or(is_same)
    }
}
