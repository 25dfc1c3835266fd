//! Tests of starting, stopping and removing a mongod.

use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use mongodb::Client;
use mongodb::bson::{Document, doc};
use testbed::mongod::{Mongod, MongodVersion, Options};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

async fn ping(mongod: &Mongod) -> Result<()> {
    let client = Client::with_uri_str(mongod.uri()).await?;
    client
        .database("admin")
        .run_command(doc! { "ping": 1 })
        .await?;
    Ok(())
}

/// Whether a process runs; a zombie does not.
fn runs(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    status
        .rsplit(')')
        .next()
        .is_some_and(|rest| !rest.is_empty() && !rest.starts_with(" Z"))
}

async fn wait_until_gone(exists: impl Fn() -> bool, what: &str) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(10);
    while exists() {
        ensure!(Instant::now() < deadline, "{what} still exists");
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

#[tokio::test]
async fn drop_kills_mongod_and_removes_its_data() -> Result<()> {
    let mongod = Mongod::start(&Options::default()).await?;
    ping(&mongod).await?;
    let pid = mongod.pid().context("mongod runs")?;
    assert!(runs(pid) && mongod.port() < 32_768);
    let directory = mongod.directory().to_path_buf();
    drop(mongod);
    assert!(!runs(pid) && !directory.exists());
    Ok(())
}

#[tokio::test]
async fn restart_keeps_data() -> Result<()> {
    let mut mongod = Mongod::start(&Options::default()).await?;
    let client = Client::with_uri_str(mongod.uri()).await?;
    let things = client.database("test").collection::<Document>("things");
    things.insert_one(doc! { "_id": 1 }).await?;
    mongod.restart().await?;
    assert_eq!(things.count_documents(doc! {}).await?, 1);
    mongod.kill()?;
    assert_eq!(mongod.pid(), None);
    mongod.restart().await?;
    ping(&mongod).await
}

#[tokio::test]
async fn paused_mongod_does_not_answer() -> Result<()> {
    let mongod = Mongod::start(&Options::default()).await?;
    mongod.pause()?;
    assert!(
        timeout(Duration::from_millis(300), ping(&mongod))
            .await
            .is_err()
    );
    mongod.resume()?;
    timeout(Duration::from_secs(10), ping(&mongod)).await?
}

#[tokio::test]
async fn exit_status_has_the_signal() -> Result<()> {
    let mut mongod = Mongod::start(&Options::default()).await?;
    assert!(mongod.exit_status()?.is_none());
    let pid = mongod.pid().context("mongod runs")?;
    Command::new("sh")
        .args(["-c", "kill -9 $0", &pid.to_string()])
        .status()?;
    wait_until_gone(|| runs(pid), "mongod").await?;
    let deadline = Instant::now() + Duration::from_secs(5);
    while mongod.exit_status()?.is_none() && Instant::now() < deadline {
        sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(
        mongod.exit_status()?.context("mongod has ended")?.signal(),
        Some(9)
    );
    Ok(())
}

#[tokio::test]
async fn replica_set_with_auth_refuses_anonymous_writes() -> Result<()> {
    let options = Options {
        auth: true,
        replica_set: true,
        ..Options::default()
    };
    let mongod = Mongod::start(&options).await?;
    let client = Client::with_uri_str(mongod.uri()).await?;
    client
        .database("test")
        .collection::<Document>("things")
        .insert_one(doc! {})
        .await?;
    let stranger = Client::with_uri_str(format!(
        "mongodb://127.0.0.1:{}/?directConnection=true",
        mongod.port()
    ))
    .await?;
    assert!(
        stranger
            .database("test")
            .collection::<Document>("things")
            .insert_one(doc! {})
            .await
            .is_err()
    );
    Ok(())
}

#[tokio::test]
async fn older_versions_start() -> Result<()> {
    let mongod = Mongod::start(&Options {
        version: MongodVersion::V4_4,
        replica_set: true,
        ..Options::default()
    })
    .await?;
    ping(&mongod).await?;
    let mongod = Mongod::start(&Options {
        version: MongodVersion::V4_2,
        ..Options::default()
    })
    .await?;
    TcpStream::connect(("127.0.0.1", mongod.port())).await?;
    Ok(())
}

/// The test starts itself as a child process, and kills that.
#[tokio::test]
async fn children_die_with_a_killed_parent() -> Result<()> {
    const ROLE: &str = "TESTBED_STARTS_A_MONGOD";
    if std::env::var_os(ROLE).is_some() {
        let mongod = Mongod::start(&Options::default()).await?;
        let line = format!(
            "\nstarted {} {}\n",
            mongod.pid().context("mongod runs")?,
            mongod.directory().display()
        );
        std::io::stdout().write_all(line.as_bytes())?;
        std::io::stdout().flush()?;
        sleep(Duration::from_mins(1)).await;
        return Ok(());
    }
    let mut child = tokio::process::Command::new(std::env::current_exe()?)
        .args([
            "--exact",
            "children_die_with_a_killed_parent",
            "--nocapture",
        ])
        .env(ROLE, "1")
        .stdout(Stdio::piped())
        .spawn()?;
    let mut lines =
        BufReader::new(child.stdout.take().context("standard output is a pipe")?).lines();
    let line = loop {
        let line = lines
            .next_line()
            .await?
            .context("the process ended early")?;
        if line.starts_with("started ") {
            break line;
        }
    };
    let words: Vec<&str> = line.split(' ').collect();
    let pid = words[1].parse()?;
    assert!(runs(pid));
    child.kill().await?;
    wait_until_gone(|| runs(pid), "mongod").await?;
    wait_until_gone(|| Path::new(words[2]).exists(), "its directory").await
}
