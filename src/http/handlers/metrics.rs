//! `/metrics` and `/probe`: of all workspaces or of one, whole or of chosen collectors, in the format that is asked for.
//!
//! What was read of a single workspace is rendered when it changes; what the exporter knows about itself is put behind it
//! at most once a second, so that most requests only take bytes that are there. Several workspaces are rendered when
//! they are asked for, at most once a second in each format and encoding, and nothing but these bodies is kept of them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::Request;
use hyper::body::Incoming;
use tokio::sync::{OnceCell, Semaphore};
use tokio::task::block_in_place;

use crate::collectors::{Collector, Snapshot};
use crate::exposition::{self, Exposition, Format, MetricNames, Own, Part};
use crate::http::body_pieces::Pieces;
use crate::http::query_string::Parameters;
use crate::http::response::{self, Response};
use crate::http::{App, Served, Workspaces, content_negotiation};
use crate::supervision::restarts;

/// How old a body may become.
const OLDEST: Duration = Duration::from_secs(1);

/// Renderings for one request alone that run at once: each takes a thread and memory of its own.
const MOST_RENDERINGS: usize = 2;

/// What is kept between two requests.
pub struct Metrics {
    // A std mutex: nothing is awaited or rendered while it is held.
    newest: Mutex<Option<Arc<Newest>>>,
    asked: content_negotiation::Memory,
    renderings: Semaphore,
}

/// Bodies of one second.
struct Newest {
    made_at: Instant,
    served: Arc<Served>,
    /// What was rendered beforehand, where there is a single workspace: only to know it again.
    exposition: Weak<Exposition>,
    own: Own,
    /// By format and encoding. Requests that come while one is made wait for it, and leave the threads to others.
    bodies: [OnceCell<Pieces>; 4],
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            newest: Mutex::default(),
            asked: content_negotiation::Memory::default(),
            renderings: Semaphore::new(MOST_RENDERINGS),
        }
    }
}

/// Answers `/metrics`.
pub async fn all(app: &App, request: &Request<Incoming>) -> Response {
    let served = app.served();
    let parameters = Parameters::of(request);
    let collectors = match chosen(&served, &parameters) {
        Ok(collectors) => collectors,
        Err(reason) => return response::bad_request(reason),
    };
    let (negotiated, gzip) = app.metrics.asked.wanted(request.headers());
    let format = negotiated.format;
    let body = match collectors {
        None => app.metrics.body(app, &served, format, gzip).await,
        Some(collectors) => {
            let parts = parts(&served).map(|part| only(part, &collectors));
            let parts: Vec<_> = parts.collect();
            app.metrics.render(&parts, format, gzip, &own(app)).await
        }
    };
    response::negotiated(body, negotiated.content_type, gzip)
}

/// Answers `/probe?target=NAME`: one of several workspaces, without the label that tells them apart and without what
/// the exporter knows about itself.
pub async fn one(app: &App, request: &Request<Incoming>) -> Response {
    let served = app.served();
    let parameters = Parameters::of(request);
    let Some(name) = parameters.once("target") else {
        return response::bad_request(
            "Say which workspace is meant: /probe?target=NAME\n".to_owned(),
        );
    };
    let Some(workspace) = served.named(name) else {
        return response::bad_request(format!(
            "There is no workspace of this name: {}\n",
            name.escape_default()
        ));
    };
    let collectors = match chosen(&served, &parameters) {
        Ok(collectors) => collectors,
        Err(reason) => return response::bad_request(reason),
    };
    let mut part = Part {
        workspace: None,
        snapshot: Arc::clone(&workspace.snapshots.borrow()),
        names: workspace.names,
    };
    if let Some(collectors) = collectors {
        part = only(part, &collectors);
    }
    let (negotiated, gzip) = app.metrics.asked.wanted(request.headers());
    let format = negotiated.format;
    let nothing = Own::default();
    let body = app.metrics.render(&[part], format, gzip, &nothing).await;
    response::negotiated(body, negotiated.content_type, gzip)
}

/// The collectors that `collect[]` names or `exclude[]` leaves; `None` means all.
fn chosen(served: &Served, parameters: &Parameters) -> Result<Option<BTreeSet<Collector>>, String> {
    let collect = named(served, "collect[]", parameters)?;
    let exclude = named(served, "exclude[]", parameters)?;
    match (collect.is_empty(), exclude.is_empty()) {
        (true, true) => Ok(None),
        (false, true) => Ok(Some(collect)),
        (true, false) => Ok(Some(&served.collectors - &exclude)),
        (false, false) => Err("collect[] and exclude[] cannot be used together\n".to_owned()),
    }
}

fn named(
    served: &Served,
    parameter: &str,
    parameters: &Parameters,
) -> Result<BTreeSet<Collector>, String> {
    let mut collectors = BTreeSet::new();
    for name in parameters.all(parameter) {
        let wrong = |what: &str| format!("{parameter}: {what}: {}\n", name.escape_default());
        let collector =
            Collector::named(name).ok_or_else(|| wrong("there is no collector of this name"))?;
        if !served.collectors.contains(&collector) {
            return Err(wrong("this collector is switched off"));
        }
        collectors.insert(collector);
    }
    Ok(collectors)
}

fn only(part: Part, collectors: &BTreeSet<Collector>) -> Part {
    Part {
        snapshot: Arc::new(part.snapshot.only(collectors)),
        ..part
    }
}

/// Everything that is served.
fn parts(served: &Served) -> impl Iterator<Item = Part> {
    let host = served.host.iter().map(|snapshots| Part {
        workspace: None,
        snapshot: Arc::<Snapshot>::clone(&snapshots.borrow()),
        names: MetricNames::Native,
    });
    let workspaces: Vec<_> = match &served.workspaces {
        Workspaces::One(workspace, _) => vec![(None, workspace)],
        Workspaces::Named(workspaces) => workspaces
            .iter()
            .map(|(name, workspace)| (Some(Arc::clone(name)), workspace))
            .collect(),
    };
    let workspaces = workspaces.into_iter().map(|(name, workspace)| Part {
        workspace: name,
        snapshot: Arc::clone(&workspace.snapshots.borrow()),
        names: workspace.names,
    });
    host.chain(workspaces)
}

fn own(app: &App) -> Own {
    Own {
        process: app.process.borrow().clone(),
        requests: app.counters.read(),
        task_restarts: restarts(),
        reload: Some(app.control.last_reload()),
        lost_lines: Some((app.lost_lines)()),
    }
}

fn pieces(body: Vec<Vec<u8>>) -> Pieces {
    body.into_iter().map(Bytes::from).collect()
}

impl Metrics {
    /// A body about everything that is served, which others may have asked for already.
    async fn body(&self, app: &App, served: &Arc<Served>, format: Format, gzip: bool) -> Pieces {
        let exposition = served.exposition();
        let newest = self.newest(app, served, exposition.as_ref());
        let make = || {
            if let Some(exposition) = &exposition {
                return exposition.body(format, gzip, &newest.own).into();
            }
            let parts: Vec<_> = parts(served).collect();
            pieces(exposition::body(&parts, format, gzip, &newest.own))
        };
        let place = usize::from(format == Format::Classic) * 2 + usize::from(gzip);
        let body = newest.bodies[place].get_or_init(|| async { block_in_place(make) });
        body.await.clone()
    }

    /// The bodies of this second.
    fn newest(
        &self,
        app: &App,
        served: &Arc<Served>,
        exposition: Option<&Arc<Exposition>>,
    ) -> Arc<Newest> {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let known = newest.take_if(|known| {
            // The older bodies are gone before a new one is made.
            known.made_at.elapsed() >= OLDEST || !known.shows(served, exposition)
        });
        drop(known);
        let newest = newest.get_or_insert_with(|| Arc::new(Newest::of(app, served, exposition)));
        Arc::clone(newest)
    }

    /// A body for one request alone.
    async fn render(&self, parts: &[Part], format: Format, gzip: bool, own: &Own) -> Pieces {
        // Fails only when it is closed, which it never is.
        let _rendering = self.renderings.acquire().await.ok();
        block_in_place(|| pieces(exposition::body(parts, format, gzip, own)))
    }
}

impl Newest {
    fn of(app: &App, served: &Arc<Served>, exposition: Option<&Arc<Exposition>>) -> Self {
        Self {
            made_at: Instant::now(),
            served: Arc::clone(served),
            exposition: exposition.map(Arc::downgrade).unwrap_or_default(),
            own: own(app),
            bodies: [const { OnceCell::const_new() }; 4],
        }
    }

    /// Whether these are bodies of what is served now.
    fn shows(&self, served: &Arc<Served>, exposition: Option<&Arc<Exposition>>) -> bool {
        let is_it = |it| Weak::as_ptr(&self.exposition) == Arc::as_ptr(it);
        Arc::ptr_eq(&self.served, served) && exposition.is_none_or(is_it)
    }
}
