//! A real mongod: started on a free port, and removed with its data when dropped.
//!
//! It listens on 127.0.0.1 only, keeps its data in a temporary directory, and dies with this process even when that is
//! killed (see [`crate::child_process`]).

mod directory;
mod set;
mod version;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use futures_util::TryStreamExt;
use mongodb::Client;
use mongodb::bson::{Document, doc};
use mongodb::error::ErrorKind;
use mongodb::options::ClientOptions;
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::child_process::{ChildProcess, Output};
use crate::port;
use tools::Program;
use tools::command::last_lines;

use directory::Directory;
pub use set::ReplicaSet;
pub use version::MongodVersion;

/// How a mongod is to be started. The default is a single server of the default version, open to everyone.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The server's version.
    pub version: MongodVersion,
    /// Whether clients must log in. The user `admin` with the password `admin` may do everything.
    pub auth: bool,
    /// Whether it is the only member of a replica set named `rs0`.
    pub replica_set: bool,
    /// Further `--setParameter` names and values.
    pub parameters: Vec<(String, String)>,
    /// Further arguments.
    pub arguments: Vec<String>,
    /// Whether it waits to be taken into a set of several; [`ReplicaSet`] does that.
    pub in_larger_set: bool,
    /// A directory of data that outlives the server; without one the data are temporary. With `replica_set` a server that
    /// stood alone may have made them, or the member of such a set on another port.
    pub data: Option<PathBuf>,
    /// Where temporary data lie.
    pub storage: Storage,
    /// The size of the cache; 256 by default.
    pub cache_megabytes: Option<u32>,
}

/// Where temporary data lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Storage {
    /// In memory, if there is enough.
    #[default]
    Memory,
    /// On a disk, as those of production servers do.
    Disk,
}

/// A running mongod.
#[derive(Debug)]
pub struct Mongod {
    program: Program,
    options: Options,
    port: u16,
    /// Absent while it is killed. Before the directory, because fields are dropped in this order.
    process: Option<ChildProcess>,
    directory: Directory,
}

/// mongod's exit code for a port that is taken.
const ADDRESS_IN_USE: i32 = 48;
/// mongod's error when data belong to a set already.
const ALREADY_INITIALIZED: i32 = 23;
const MAX_ATTEMPTS: u32 = 20;
const START_TIMEOUT: Duration = Duration::from_mins(1);
const STOP_TIMEOUT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);

impl Mongod {
    /// Starts a server and returns once it accepts connections and, as a replica set, writes.
    pub async fn start(options: &Options) -> Result<Self> {
        let program = options.version.tool().find()?;
        for _ in 0..MAX_ATTEMPTS {
            let port = port::random();
            let mut mongod = Self {
                program: program.clone(),
                options: options.clone(),
                port,
                process: None,
                directory: Directory::create(port, options.storage)?,
            };
            if mongod.launch().await? == Launch::PortTaken {
                continue;
            }
            mongod
                .prepare()
                .await
                .context("mongod started, but could not be set up")?;
            return Ok(mongod);
        }
        bail!("mongod found {MAX_ATTEMPTS} ports taken, one after another")
    }

    /// Where to connect to, with user and password where they are needed.
    #[must_use]
    pub fn uri(&self) -> String {
        let (user, source) = if self.options.auth {
            ("admin:admin@", "authSource=admin")
        } else {
            ("", "")
        };
        let set = if self.options.replica_set {
            "replicaSet=rs0"
        } else {
            ""
        };
        let parameters: Vec<&str> = [source, set]
            .into_iter()
            .filter(|text| !text.is_empty())
            .collect();
        format!(
            "mongodb://{user}127.0.0.1:{}/?{}",
            self.port,
            parameters.join("&")
        )
        .trim_end_matches('?')
        .to_owned()
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its process id, unless it is killed.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(ChildProcess::pid)
    }

    /// Where its data and its log are.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory.0
    }

    /// How it ended, if it ended by itself.
    pub fn exit_status(&mut self) -> Result<Option<ExitStatus>> {
        self.process
            .as_mut()
            .map_or(Ok(None), ChildProcess::exit_status)
    }

    /// Kills it outright. Its data stay until this value is dropped.
    pub fn kill(&mut self) -> Result<()> {
        self.process
            .take()
            .map_or(Ok(()), |mut process| process.kill())
    }

    /// Freezes it: connections stay open, and nothing is answered.
    pub fn pause(&self) -> Result<()> {
        self.signal("STOP")
    }

    /// Wakes it after [`Mongod::pause`].
    pub fn resume(&self) -> Result<()> {
        self.signal("CONT")
    }

    /// Stops it unless it is stopped already, then starts it on the same port with the same data.
    pub async fn restart(&mut self) -> Result<()> {
        if self.process.is_some() {
            self.shut_down().await?;
        }
        if self.launch().await? == Launch::PortTaken {
            bail!("port {} was taken while mongod was stopped", self.port);
        }
        if self.options.version == MongodVersion::V4_2 || self.options.in_larger_set {
            Ok(())
        } else {
            self.wait_until_writable().await
        }
    }

    fn signal(&self, name: &str) -> Result<()> {
        self.process
            .as_ref()
            .context("mongod is not running")?
            .signal(name)
    }

    /// Stops it and waits for it to end, so that data that are kept need no recovery.
    pub async fn shut_down(&mut self) -> Result<()> {
        self.signal("TERM")?;
        let deadline = Instant::now() + STOP_TIMEOUT;
        while self.exit_status()?.is_none() {
            ensure!(
                Instant::now() < deadline,
                "mongod did not stop within {STOP_TIMEOUT:?}; is it paused?"
            );
            sleep(POLL).await;
        }
        self.kill()
    }

    async fn launch(&mut self) -> Result<Launch> {
        let output = self.directory.0.join("output");
        // The log of an earlier start would tell of that one.
        drop(fs::remove_file(self.directory.0.join("log")));
        let mut process = ChildProcess::start(
            &mut self.command(),
            Some(&self.directory.0),
            Output::File(&output),
        )?;
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            if let Some(status) = process.exit_status()? {
                if status.code() == Some(ADDRESS_IN_USE) {
                    return Ok(Launch::PortTaken);
                }
                bail!(
                    "mongod ended with {status} while starting: {}",
                    self.output_and_log()
                );
            }
            // Another process may answer on this port until mongod itself notices that the port is taken; only the log
            // tells that it is mongod who listens.
            if self.listens() && TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() {
                self.process = Some(process);
                return Ok(Launch::Listening);
            }
            ensure!(
                Instant::now() < deadline,
                "mongod does not listen after {START_TIMEOUT:?}: {}",
                self.output_and_log()
            );
            sleep(POLL).await;
        }
    }

    fn command(&self) -> Command {
        let directory = &self.directory.0;
        let mut command = self.program.command();
        command.args([
            "--bind_ip",
            "127.0.0.1",
            "--port",
            &self.port.to_string(),
            "--nounixsocket",
        ]);
        let data = self.options.data.clone();
        command
            .arg("--dbpath")
            .arg(data.unwrap_or_else(|| directory.join("data")))
            .arg("--logpath")
            .arg(directory.join("log"));
        let megabytes = self.options.cache_megabytes.unwrap_or(256);
        command.args([
            "--wiredTigerCacheSizeGB",
            &(f64::from(megabytes) / 1024.0).to_string(),
            "--setParameter",
            "enableTestCommands=1",
        ]);
        if self.options.storage == Storage::Memory && self.options.data.is_none() {
            // Journals of 100 MB in advance, and metrics of the server every second, are of no use to a short life.
            command.args([
                "--wiredTigerEngineConfigString",
                "log=(enabled=true,path=journal,prealloc=false,file_max=16MB)",
                "--setParameter",
                "diagnosticDataCollectionEnabled=false",
            ]);
        }
        if self.options.replica_set {
            command.args(["--replSet", "rs0", "--oplogSize", "64"]);
        }
        if self.options.auth {
            command.arg("--auth");
        }
        if self.options.auth && self.options.replica_set {
            command.arg("--keyFile").arg(directory.join("key"));
        }
        for (name, value) in &self.options.parameters {
            command.args(["--setParameter", &format!("{name}={value}")]);
        }
        command.args(&self.options.arguments);
        command
    }

    /// What a server needs after its first start: its replica set and its user.
    async fn prepare(&self) -> Result<()> {
        if self.options.version == MongodVersion::V4_2 {
            ensure!(
                !self.options.auth && !self.options.replica_set,
                "mongod 4.2 is for refusing it, not for using it"
            );
            return Ok(());
        }
        if self.options.in_larger_set {
            return Ok(());
        }
        if self.options.replica_set {
            self.become_a_set().await?;
        }
        self.wait_until_writable().await?;
        if self.options.auth {
            // Allowed without logging in, because it comes from this machine and there is no user yet.
            self.admin(doc! { "createUser": "admin", "pwd": "admin", "roles": ["root"] })
                .await?;
        }
        Ok(())
    }

    /// Makes it the only member of a set, whose data may be of an earlier start on another port.
    async fn become_a_set(&self) -> Result<()> {
        let members = vec![doc! { "_id": 0, "host": self.host() }];
        let initiate = doc! { "replSetInitiate": { "_id": "rs0", "members": members.clone() } };
        let Err(error) = self.admin(initiate).await else {
            return Ok(());
        };
        let is_initialized = error
            .downcast_ref::<mongodb::error::Error>()
            .is_some_and(|error| {
                matches!(error.kind.as_ref(), ErrorKind::Command(error) if error.code == ALREADY_INITIALIZED)
            });
        if !is_initialized {
            return Err(error);
        }
        let answer = self.admin(doc! { "replSetGetConfig": 1 }).await?;
        let mut config = answer.get_document("config")?.clone();
        config.insert("members", members);
        // Its only member is on a port without a server, so that there is no primary to send this to.
        self.admin(doc! { "replSetReconfig": config, "force": true })
            .await?;
        Ok(())
    }

    async fn wait_until_writable(&self) -> Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            match self.admin(doc! { "hello": 1 }).await {
                Ok(answer) if answer.get_bool("isWritablePrimary").unwrap_or_default() => {
                    return Ok(());
                }
                Err(error) if Instant::now() > deadline => return Err(error),
                _ => ensure!(
                    Instant::now() < deadline,
                    "mongod takes no writes after {START_TIMEOUT:?}"
                ),
            }
            sleep(POLL).await;
        }
    }

    /// Runs a command on the database `admin` without logging in.
    async fn admin(&self, command: Document) -> Result<Document> {
        let uri = format!("mongodb://127.0.0.1:{}/?directConnection=true", self.port);
        let mut options = ClientOptions::parse(uri).await?;
        options.server_selection_timeout = Some(Duration::from_secs(5));
        let client = Client::with_options(options)?;
        let answer = client.database("admin").run_command(command).await;
        client.shutdown().immediate(true).await;
        Ok(answer?)
    }

    fn log(&self) -> String {
        fs::read(self.directory.0.join("log"))
            .map(|log| String::from_utf8_lossy(&log).into_owned())
            .unwrap_or_default()
    }

    /// Whether the newest start has reached the point where mongod listens.
    fn listens(&self) -> bool {
        // 4.2 writes plain text in lower case, later versions JSON.
        self.log()
            .to_lowercase()
            .contains("waiting for connections")
    }

    fn output_and_log(&self) -> String {
        let output = fs::read_to_string(self.directory.0.join("output")).unwrap_or_default();
        last_lines(&format!("{output}\n{}", self.log()))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Launch {
    Listening,
    PortTaken,
}

/// The number of connections that exporters have to a MongoDB, those of its monitors included.
pub async fn exporter_connections(client: &Client) -> Result<usize> {
    let pipeline = [
        doc! { "$currentOp": { "allUsers": true, "idleConnections": true } },
        doc! { "$match": { "appName": "rocketchat-exporter" } },
        doc! { "$group": { "_id": "$connectionId" } },
    ];
    let connections = client.database("admin").aggregate(pipeline).await?;
    Ok(connections.try_collect::<Vec<_>>().await?.len())
}
