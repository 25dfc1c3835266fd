//! Puts the parts together: sources, sampler, renderer and web, and takes them apart in order at the end.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::config::Config;
use crate::http::{
    self, Answer, App, Backend, Credentials, Limits, Login, RateLimit, Rates, Refused, Unavailable,
};
use crate::render::{Exposition, Names};
use crate::sampler::Sampler;
use crate::sources::{self, Mongo, SourceError, Sources};
use crate::statistics::{Snapshot, Value};

/// How long closing the connections to the database may take.
const CLOSING: Duration = Duration::from_secs(2);

/// Runs the exporter on a listener until `shutdown`.
pub async fn run(config: Config, listener: TcpListener, shutdown: impl Future<Output = ()>) {
    let Config {
        mongo,
        intervals,
        listen_address: _,
        telemetry_path,
        names,
        shape,
        version,
        timezone,
        license,
        clock,
    } = config;
    let mut tasks = JoinSet::new();
    let mongo = Arc::new(Mongo::new(mongo, clock, timezone.clone(), license));
    let sources = Arc::new(Sources::new(Arc::clone(&mongo), clock));
    let sampler = Sampler::start(sources, intervals, clock, version, &mut tasks);
    let expositions = render_snapshots(sampler.snapshots(), names, &mut tasks);
    let app = Arc::new(App {
        expositions,
        snapshots: sampler.snapshots(),
        backend: Box::new(Workspace {
            mongo: Arc::clone(&mongo),
            sampler,
        }),
        telemetry_path,
        shape,
        timezone,
        rates: Rates::default(),
    });
    http::serve(listener, app, shutdown).await;
    tasks.shutdown().await;
    if timeout(CLOSING, mongo.close()).await.is_err() {
        tracing::debug!("the connections to the database did not close in time");
    }
    tracing::info!("stopped");
}

/// Renders each new snapshot once, however often it is scraped.
fn render_snapshots(
    mut snapshots: watch::Receiver<Arc<Snapshot>>,
    names: Names,
    tasks: &mut JoinSet<()>,
) -> watch::Receiver<Arc<Exposition>> {
    let first = Exposition::of(&snapshots.borrow_and_update(), names);
    let (publish, expositions) = watch::channel(Arc::new(first));
    tasks.spawn(async move {
        while snapshots.changed().await.is_ok() {
            let snapshot = Arc::clone(&snapshots.borrow_and_update());
            publish.send_replace(Arc::new(Exposition::of(&snapshot, names)));
        }
    });
    expositions
}

/// The workspace as the web sees it.
struct Workspace {
    mongo: Arc<Mongo>,
    sampler: Sampler,
}

impl Backend for Workspace {
    fn log_in<'a>(&'a self, credentials: Credentials<'a>) -> Answer<'a, Option<Login>> {
        Box::pin(async move {
            let account = match credentials {
                Credentials::Login { user_id, token } => {
                    self.mongo.account_of_login(user_id, token).await
                }
                Credentials::Grant { access_token } => {
                    self.mongo.account_of_grant(access_token).await
                }
            };
            let account = answered(account, "a login cannot be checked")?;
            Ok(account.map(|account| Login {
                may_view_statistics: account.may_view_statistics,
                bypasses_rate_limit: account.bypasses_rate_limit,
            }))
        })
    }

    fn limits(&self) -> Answer<'_, Limits> {
        Box::pin(async move {
            let settings = self.mongo.api_settings().await;
            let settings = answered(settings, "the settings of the API cannot be read")?;
            Ok(Limits {
                default_count: settings.default_count,
                most_count: settings.most_count,
                allows_infinite_count: settings.allows_infinite_count,
                rate: settings
                    .rate_limit
                    .map(|(calls, time)| RateLimit { calls, time }),
            })
        })
    }

    fn count_history<'a>(
        &'a self,
        query: &'a serde_json::Value,
    ) -> Answer<'a, Result<u64, Refused>> {
        Box::pin(async move {
            let count = self.mongo.count_history(query).await;
            let count = answered(count, "the stored statistics cannot be counted")?;
            Ok(count.map_err(Refused))
        })
    }

    fn list_history(&self, part: http::Part) -> Answer<'_, Result<Vec<Value>, Refused>> {
        Box::pin(async move {
            let part = sources::Part {
                query: part.query,
                sort: part.sort,
                exclude: part.exclude,
                offset: part.offset,
                count: part.count,
            };
            let documents = self.mongo.list_history(&part).await;
            let documents = answered(documents, "the stored statistics cannot be listed")?;
            Ok(documents.map_err(Refused))
        })
    }

    fn refresh(&self) -> Answer<'_, Arc<Snapshot>> {
        Box::pin(async move { self.sampler.refresh().await.map_err(|_| Unavailable) })
    }
}

/// An answer of the database; why there is none is logged, and not told to whoever asked.
fn answered<T>(answer: Result<T, SourceError>, failed: &'static str) -> Result<T, Unavailable> {
    answer.map_err(|error| {
        tracing::warn!(reason = %error, "{failed}");
        Unavailable
    })
}
