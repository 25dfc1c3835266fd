//! `cargo xtask demo`: a generated workspace with simulated activity, a server that answers as its Rocket.Chat, and the
//! exporter reading and probing them.
//!
//! Everything that it starts or creates is removed when it ends, even when it is killed. With `--mongodb.uri` it only
//! touches the database that it created.

mod prometheus;
mod screenshot;
mod shutdown;
mod token_file;

use std::convert::Infallible;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, Error, Result, anyhow, bail, ensure};
use clap::Parser;
use mongodb::bson::{DateTime, doc};
use mongodb::options::ClientOptions;
use mongodb::{Client, Database};
use testbed::child_process::Output;
use testbed::exporter::Exporter;
use testbed::mongod::{self, Mongod, MongodVersion};
use testbed::rocketchat::{RocketChatServer, Settings};
use testbed::tools::command::exit_code;
use testbed::tools::progress::{self, Heartbeat};
use testbed::workspace::{self, Credentials, Size};
use tokio::sync::oneshot;

use prometheus::Prometheus;
use shutdown::Shutdown;
use token_file::TokenFile;

/// Time limit of the exporter's first read of everything.
const READY_TIMEOUT: Duration = Duration::from_mins(3);

/// The history in the picture: the charts have a point for each minute.
const MINUTES_OF_CHARTS: Duration = Duration::from_mins(4);

/// Run the exporter against a generated Rocket.Chat workspace with simulated activity
#[derive(Parser)]
#[command(name = "cargo xtask demo", bin_name = "cargo xtask demo")]
struct Options {
    /// A MongoDB server to make the demo's own new database on, instead of starting one
    #[arg(id = "mongodb.uri", long = "mongodb.uri", value_name = "URI")]
    mongodb_uri: Option<String>,
    /// Where the exporter listens
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9459")]
    listen: SocketAddr,
    /// Start no Prometheus
    #[arg(long)]
    no_prometheus: bool,
    /// Only write a picture of the Info page to this file
    #[arg(long, value_name = "PNG")]
    screenshot: Option<PathBuf>,
    /// Stop after so many seconds
    #[arg(long, value_name = "N", hide = true)]
    seconds: Option<u64>,
    /// The exporter's program
    #[arg(long, value_name = "PATH", hide = true)]
    exporter: PathBuf,
}

fn main() -> ExitCode {
    exit_code(run(&Options::parse()))
}

/// Runs the demo until Ctrl-C, SIGTERM, or the end of `--seconds`.
fn run(options: &Options) -> Result<()> {
    let listen = free_address(options.listen)?;
    if options.mongodb_uri.is_none() {
        MongodVersion::default().tool().fetch()?;
    }
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    let outcome = runtime.block_on(async {
        // Signals are handled from here on, so that everything started below is cleaned up.
        let shutdown = Shutdown::new(options.seconds.map(Duration::from_secs))?;
        let Some(server) = shutdown
            .or(Server::open(options.mongodb_uri.as_deref()))
            .await
        else {
            return Ok(());
        };
        let server = server?;
        let outcome = present(&server, options, listen, &shutdown).await;
        server.close().await.and(outcome)
    });
    // An installation of Prometheus may still be running, and leaves nothing when this process ends.
    runtime.shutdown_background();
    outcome
}

/// The address, with a free port if its port is 0.
fn free_address(requested: SocketAddr) -> Result<SocketAddr> {
    match TcpListener::bind(requested) {
        Ok(listener) => listener.local_addr().context("cannot learn the port"),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            bail!("`{requested}` is in use; choose another address with `--listen 127.0.0.1:9460`")
        }
        Err(error) => Err(error).with_context(|| format!("cannot listen on `{requested}`")),
    }
}

/// The MongoDB of the demo, and its database.
struct Server {
    uri: String,
    database: Database,
    /// The version of MongoDB.
    version: String,
    /// The server itself, unless `--mongodb.uri` names another.
    mongod: Option<Mongod>,
}

impl Server {
    async fn open(uri: Option<&str>) -> Result<Self> {
        let (uri, name, mongod) = if let Some(uri) = uri {
            (
                uri.to_owned(),
                format!("rocketchat_demo_{}", DateTime::now().timestamp_millis()),
                None,
            )
        } else {
            say("starting mongod as a replica set, so that the exporter can follow changes");
            let options = mongod::Options {
                replica_set: true,
                ..mongod::Options::default()
            };
            let mongod = Mongod::start(&options).await?;
            (mongod.uri(), "rocketchat".to_owned(), Some(mongod))
        };
        let mut options = ClientOptions::parse(&uri)
            .await
            .context("--mongodb.uri is not a URI of MongoDB")?;
        options.server_selection_timeout = Some(Duration::from_secs(5));
        options.app_name = Some("rocketchat-exporter demo".to_owned());
        let client = Client::with_options(options)?;
        let names = client
            .list_database_names()
            .await
            .context("cannot reach the MongoDB of --mongodb.uri")?;
        ensure!(
            !names.contains(&name),
            "the database `{name}` already exists, and the demo only uses its own"
        );
        let build = client
            .database("admin")
            .run_command(doc! { "buildInfo": 1 })
            .await
            .context("cannot learn the version of MongoDB")?;
        Ok(Self {
            uri,
            database: client.database(&name),
            version: build.get_str("version").unwrap_or("unknown").to_owned(),
            mongod,
        })
    }

    async fn close(mut self) -> Result<()> {
        match &mut self.mongod {
            Some(mongod) => mongod.kill(),
            None => self.database.drop().await.with_context(|| {
                format!(
                    "cannot drop the database `{}`; please drop it by hand",
                    self.database.name()
                )
            }),
        }
    }
}

async fn present(
    server: &Server,
    options: &Options,
    listen: SocketAddr,
    shutdown: &Shutdown,
) -> Result<()> {
    say(&format!(
        "generating a workspace of Rocket.Chat 9.0 in the database `{}`, on MongoDB {} (Rocket.Chat 9.0 itself needs 8.0)",
        server.database.name(),
        server.version
    ));
    let Some(credentials) = generate(server, shutdown).await? else {
        return Ok(());
    };
    // What answers as the workspace's Rocket.Chat does, so that the exporter can probe it.
    let rocketchat = RocketChatServer::start(Settings {
        admin: Some(credentials.admin.clone()),
        ..Settings::default()
    })
    .await?;
    let token = TokenFile::new(&credentials.admin)?;
    say("starting the exporter, which reads the workspace; its log follows");
    let mut command = Command::new(&options.exporter);
    // A URI may contain a password, and every user of the machine can read arguments.
    command.env("ROCKETCHAT_EXPORTER_MONGODB_URI", &server.uri);
    command.arg(format!("--mongodb.database={}", server.database.name()));
    command.arg(format!("--rocketchat.url={}", rocketchat.url()));
    command.arg(format!(
        "--rocketchat.token-file={}",
        token.path().display()
    ));
    command.arg("--log.format=logfmt");
    let mut exporter = Exporter::start(&mut command, listen, Output::Terminal)?;
    let (stop, stopped) = oneshot::channel::<()>();
    let mut activity = tokio::spawn(workspace::simulate(server.database.clone(), async {
        drop(stopped.await);
    }));
    let heartbeat = Heartbeat::start(|| "demo: reading the workspace".to_owned());
    let ready = shutdown.or(exporter.wait_until_ready(READY_TIMEOUT)).await;
    drop(heartbeat);
    let outcome = match ready {
        Some(Ok(())) => {
            introduce(listen, &credentials);
            let has_prometheus = !options.no_prometheus && options.screenshot.is_none();
            tokio::select! {
                () = shutdown.clone().wait() => Ok(()),
                status = exporter.wait() => Err(anyhow!("the exporter ended with {}; its log is above", status?)),
                outcome = &mut activity => outcome.map_err(Error::from).flatten().context("the simulation of activity failed"),
                never = run_prometheus(listen), if has_prometheus => match never {},
                outcome = picture(listen, options.screenshot.as_deref()) => outcome,
            }
        }
        Some(Err(error)) => Err(error),
        None => Ok(()),
    };
    if outcome.is_ok() {
        say("stopping");
    }
    let stopping = exporter.stop().await;
    drop(stop);
    if !activity.is_finished() {
        drop(activity.await);
    }
    stopping.and(outcome)
}

/// Generates the workspace; `None` if the signal to stop comes.
async fn generate(server: &Server, shutdown: &Shutdown) -> Result<Option<Credentials>> {
    let _heartbeat = Heartbeat::start(|| "demo: generating the workspace".to_owned());
    let size = Size::default();
    let filling = workspace::fill(&server.database, &size, DateTime::now());
    if server.mongod.is_some() {
        shutdown.or(filling).await.transpose()
    } else {
        // Not cancelled: a pending insert would recreate the dropped database.
        filling.await.map(Some)
    }
}

/// Writes the picture, if there is to be one; otherwise this waits forever.
async fn picture(listen: SocketAddr, file: Option<&Path>) -> Result<()> {
    match file {
        Some(file) => {
            let heartbeat =
                Heartbeat::start(|| "demo: waiting for the first minutes of the charts".to_owned());
            tokio::time::sleep(MINUTES_OF_CHARTS).await;
            drop(heartbeat);
            screenshot::take(listen, file).await
        }
        None => std::future::pending().await,
    }
}

/// Runs Prometheus until this is dropped, or says why there is none.
async fn run_prometheus(exporter: SocketAddr) -> Infallible {
    let prometheus = Prometheus::start(exporter).await;
    match &prometheus {
        Ok(prometheus) => prometheus.introduce().await,
        Err(error) => {
            let reason = format!("{error:#}").replace('\n', " ");
            say(&format!("there is no Prometheus: {reason}"));
        }
    }
    std::future::pending().await
}

/// Prints how to use the demo.
fn introduce(listen: SocketAddr, credentials: &Credentials) {
    let admin = &credentials.admin;
    progress::line(&format!(
        "
open  http://{listen}/info
      http://{listen}/metrics

curl -s http://{listen}/metrics
curl -s -H 'X-User-Id: {}' -H 'X-Auth-Token: {}' http://{listen}/api/v1/statistics

Ctrl-C stops everything
",
        admin.user_id, admin.token
    ));
}

fn say(text: &str) {
    progress::line(&format!("demo: {text}"));
}
