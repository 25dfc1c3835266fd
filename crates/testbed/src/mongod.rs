//! A real mongod on a free port. Dropping it ends the server and removes its data.
//!
//! It listens on 127.0.0.1 only, keeps its data in a temporary directory, and ends with this process, even if that is
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
use crate::private_name;
use tools::Program;
use tools::command::last_lines;

use directory::Directory;
pub use set::ReplicaSet;
pub use version::MongodVersion;

/// How to start a mongod. The default is a standalone server of the default version without access control.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The server's version.
    pub version: MongodVersion,
    /// Whether access control is enabled. The user `admin` with the password `admin` has all privileges.
    pub auth: bool,
    /// Whether it is the only member of a replica set named `rs0`.
    pub replica_set: bool,
    /// Further `--setParameter` names and values.
    pub parameters: Vec<(String, String)>,
    /// Further arguments.
    pub arguments: Vec<String>,
    /// The host name of the replica set's only member. Nothing else on this machine can resolve it; see
    /// [`Mongod::share_name`].
    pub private_name: Option<&'static str>,
    /// Whether it will be a member of a set of several servers, which [`ReplicaSet`] initiates.
    pub in_larger_set: bool,
    /// A persistent data directory; `None` for temporary data. With `replica_set` the data may be those of a standalone
    /// server, or of a member of such a set on another port.
    pub data: Option<PathBuf>,
    /// Where temporary data are stored.
    pub storage: Storage,
    /// The cache size in MB; 256 by default.
    pub cache_megabytes: Option<u32>,
    /// The size of a replica set's oplog in MB; 64 by default.
    pub oplog_megabytes: Option<u32>,
}

/// Where temporary data are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Storage {
    /// In memory, if it is large enough.
    #[default]
    Memory,
    /// On a disk, as in production.
    Disk,
}

/// A running mongod.
#[derive(Debug)]
pub struct Mongod {
    program: Program,
    options: Options,
    port: u16,
    /// `None` while stopped. Declared before the directory, so that the process ends first.
    process: Option<ChildProcess>,
    directory: Directory,
}

/// mongod's exit code for a port in use.
const ADDRESS_IN_USE: i32 = 48;
/// MongoDB's error code for data that already belong to a replica set.
const ALREADY_INITIALIZED: i32 = 23;
const MAX_ATTEMPTS: u32 = 20;
const START_TIMEOUT: Duration = Duration::from_mins(1);
const STOP_TIMEOUT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);

impl Mongod {
    /// Starts a server and returns once it accepts connections and, as a replica set, is primary.
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

    /// The connection string, with user and password if access control is enabled.
    #[must_use]
    pub fn uri(&self) -> String {
        let (user, source) = if self.options.auth {
            ("admin:admin@", "authSource=admin")
        } else {
            ("", "")
        };
        let set = if self.options.private_name.is_some() {
            "directConnection=true"
        } else if self.options.replica_set {
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

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    fn host(&self) -> String {
        let name = self.options.private_name.unwrap_or("127.0.0.1");
        format!("{name}:{}", self.port)
    }

    /// The same command for a process that can resolve the server's private name.
    #[must_use]
    pub fn share_name(&self, command: &Command) -> Command {
        private_name::with_hosts(command, &self.hosts_file())
    }

    fn hosts_file(&self) -> PathBuf {
        self.directory.0.join("hosts")
    }

    /// The process id, unless it is stopped.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(ChildProcess::pid)
    }

    /// The directory with its data and its log.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory.0
    }

    /// The exit status, if it has ended by itself.
    pub fn exit_status(&mut self) -> Result<Option<ExitStatus>> {
        self.process
            .as_mut()
            .map_or(Ok(None), ChildProcess::exit_status)
    }

    /// Kills it by SIGKILL. Its data are kept until this value is dropped.
    pub fn kill(&mut self) -> Result<()> {
        self.process
            .take()
            .map_or(Ok(()), |mut process| process.kill())
    }

    /// Freezes it by SIGSTOP: connections stay open, and requests get no reply.
    pub fn pause(&self) -> Result<()> {
        self.signal("STOP")
    }

    /// Continues after [`Mongod::pause`].
    pub fn resume(&self) -> Result<()> {
        self.signal("CONT")
    }

    /// Starts it again on the same port with the same data, after stopping it if it runs.
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

    /// Shuts it down cleanly, so that persistent data need no recovery.
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
        // The log of an earlier start would be mistaken for this one.
        drop(fs::remove_file(self.directory.0.join("log")));
        let mut command = self.command();
        if let Some(name) = self.options.private_name {
            fs::write(self.hosts_file(), private_name::hosts(name))
                .context("cannot write the names of hosts")?;
            command = self.share_name(&command);
        }
        let mut process =
            ChildProcess::start(&mut command, Some(&self.directory.0), Output::File(&output))?;
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
            // The port itself proves nothing, because another process may listen on it; only the log shows that mongod does.
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
            // A short-lived server needs neither preallocated journals nor diagnostic data.
            command.args([
                "--wiredTigerEngineConfigString",
                "log=(enabled=true,path=journal,prealloc=false,file_max=16MB)",
                "--setParameter",
                "diagnosticDataCollectionEnabled=false",
            ]);
        }
        if self.options.replica_set {
            let oplog = self.options.oplog_megabytes.unwrap_or(64).to_string();
            command.args(["--replSet", "rs0", "--oplogSize", &oplog]);
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

    /// Initiates the replica set and creates the user after the first start.
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
            // The localhost exception allows this without a login while there is no user.
            self.admin(doc! { "createUser": "admin", "pwd": "admin", "roles": ["root"] })
                .await?;
        }
        Ok(())
    }

    /// Makes it the only member of a replica set, whose data may be those of an earlier start on another port.
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
        // Forced, because the configured member is on another port, so that there is no primary.
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

    /// Whether mongod has logged that it listens.
    fn listens(&self) -> bool {
        // 4.2 logs lower-case text, later versions log JSON.
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

/// The number of connections from exporters to a MongoDB, including their monitoring connections.
pub async fn exporter_connections(client: &Client) -> Result<usize> {
    let pipeline = [
        doc! { "$currentOp": { "allUsers": true, "idleConnections": true } },
        doc! { "$match": { "appName": "rocketchat-exporter" } },
        doc! { "$group": { "_id": "$connectionId" } },
    ];
    let connections = client.database("admin").aggregate(pipeline).await?;
    Ok(connections.try_collect::<Vec<_>>().await?.len())
}
