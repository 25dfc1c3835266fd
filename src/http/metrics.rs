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
use tokio::task::block_in_place;

use super::parameters::Parameters;
use super::pieces::Pieces;
use super::respond::{self, Response};
use super::{App, Served, Workspaces, negotiate};
use crate::render::{self, Exposition, Format, Names, Part};
use crate::statistics::{Collector, Own, Snapshot};

/// How old a body may become.
const OLDEST: Duration = Duration::from_secs(1);

/// What is kept between two requests.
#[derive(Default)]
pub struct Metrics {
    newest: Mutex<Option<Newest>>,
    asked: negotiate::Memory,
}

/// Bodies of one second.
struct Newest {
    made_at: Instant,
    served: Arc<Served>,
    /// What was rendered beforehand, where there is a single workspace: only to know it again.
    exposition: Weak<Exposition>,
    own: Own,
    /// By format and encoding.
    bodies: [Option<Pieces>; 4],
}

/// Answers `/metrics`.
pub fn all(app: &App, request: &Request<Incoming>) -> Response {
    let served = app.served();
    let parameters = Parameters::of(request);
    match chosen(&served, &parameters) {
        Err(reason) => respond::bad_request(reason),
        Ok(None) => negotiated(app, request, |format, gzip| {
            app.metrics.body(app, &served, format, gzip)
        }),
        Ok(Some(collectors)) => {
            let own = own(app);
            negotiated(app, request, |format, gzip| {
                block_in_place(|| {
                    let parts = parts(&served).map(|part| only(part, &collectors));
                    let parts: Vec<_> = parts.collect();
                    pieces(render::body(&parts, format, gzip, &own))
                })
            })
        }
    }
}

/// Answers `/probe?target=NAME`: one of several workspaces, without the label that tells them apart and without what
/// the exporter knows about itself.
pub fn one(app: &App, request: &Request<Incoming>) -> Response {
    let served = app.served();
    let parameters = Parameters::of(request);
    let Some(name) = parameters.once("target") else {
        return respond::bad_request(
            "Say which workspace is meant: /probe?target=NAME\n".to_owned(),
        );
    };
    let Some(workspace) = served.named(name) else {
        return respond::bad_request(format!(
            "There is no workspace of this name: {}\n",
            name.escape_default()
        ));
    };
    let collectors = match chosen(&served, &parameters) {
        Ok(collectors) => collectors,
        Err(reason) => return respond::bad_request(reason),
    };
    let mut part = Part {
        workspace: None,
        snapshot: Arc::clone(&workspace.snapshots.borrow()),
        names: workspace.names,
    };
    if let Some(collectors) = collectors {
        part = only(part, &collectors);
    }
    negotiated(app, request, |format, gzip| {
        let nothing = Own::default();
        block_in_place(|| pieces(render::body(&[part], format, gzip, &nothing)))
    })
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
        names: Names::Own,
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
        reload: Some(app.control.last_reload()),
        lost_lines: Some((app.lost_lines)()),
    }
}

fn pieces(body: Vec<Vec<u8>>) -> Pieces {
    body.into_iter().map(Bytes::from).collect()
}

fn negotiated(
    app: &App,
    request: &Request<Incoming>,
    body: impl FnOnce(Format, bool) -> Pieces,
) -> Response {
    let (negotiated, gzip) = app.metrics.asked.wanted(request.headers());
    let body = body(negotiated.format, gzip);
    respond::negotiated(body, negotiated.content_type, gzip)
}

impl Metrics {
    fn body(&self, app: &App, served: &Arc<Served>, format: Format, gzip: bool) -> Pieces {
        let exposition = served.exposition();
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = match &mut *newest {
            Some(it) if it.made_at.elapsed() < OLDEST && it.shows(served, exposition.as_ref()) => {
                it
            }
            // The older bodies are gone before a new one is made.
            older => older.insert(Newest::of(app, served, exposition.as_ref())),
        };
        let place = usize::from(format == Format::Classic) * 2 + usize::from(gzip);
        let Newest { own, bodies, .. } = newest;
        let make = || {
            if let Some(exposition) = &exposition {
                return exposition.body(format, gzip, own).into();
            }
            let parts: Vec<_> = parts(served).collect();
            pieces(render::body(&parts, format, gzip, own))
        };
        bodies[place]
            .get_or_insert_with(|| block_in_place(make))
            .clone()
    }
}

impl Newest {
    fn of(app: &App, served: &Arc<Served>, exposition: Option<&Arc<Exposition>>) -> Self {
        Self {
            made_at: Instant::now(),
            served: Arc::clone(served),
            exposition: exposition.map(Arc::downgrade).unwrap_or_default(),
            own: own(app),
            bodies: [const { None }; 4],
        }
    }

    /// Whether these are bodies of what is served now.
    fn shows(&self, served: &Arc<Served>, exposition: Option<&Arc<Exposition>>) -> bool {
        let is_it = |it| Weak::as_ptr(&self.exposition) == Arc::as_ptr(it);
        Arc::ptr_eq(&self.served, served) && exposition.is_none_or(is_it)
    }
}
