//! `--config.file`: valid and invalid files, and the precedence of flags, file and defaults.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output};

use crate::support::{Exporter, Filled, eventually, shared_mongod, uri_of};

/// Checks a file and returns the output.
fn check(text: &str, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().expect("a directory can be created");
    let file = folder.path().join("exporter.yml");
    fs::write(&file, text).expect("the file can be written");
    let mut command = Exporter::command();
    command
        .arg(format!("--config.file={}", file.display()))
        .arg("--config.check")
        .args(arguments);
    command.output().expect("the exporter runs")
}

#[test]
fn valid_files_are_accepted() {
    for text in [
        "",
        "# nothing but a comment\n",
        "mongodb: {uri: 'mongodb://db', query-timeout: 10s, max-connections: 3}\n",
        "mongodb: {uri: 'mongodb://db', live: on}\n",
        "collection:\n  fast-interval: 30s\n  max-share: 0.02\ncompat-metrics: true\n",
        "collector: {disable-defaults: true, users: true}\n",
        "collector: {profile: minimal, users: true}\n",
        "rocketchat: {version: 6.2.0, timezone: UTC, license-modules: [auditing]}\nstatistics: {shape: flat}\n",
        "workspaces: {}\n",
        "mongodb: {uri: 'mongodb://db'}\nworkspaces:\n  a: {mongodb: {database: a}}\n  b.example: {mongodb: {uri: 'mongodb://b'}}\n",
    ] {
        let output = check(text, &[]);
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{text}: {message}");
        assert_eq!(output.stdout, b"All settings can be used.\n", "{text}");
    }
}

#[test]
fn invalid_file_is_reported_with_its_position_and_status_2() {
    for (text, expected) in [
        ("mongo: {}\n", "mongo"),
        ("mongodb: {url: x}\n", "url"),
        ("mongodb:\n  query-timeout: soon\n", "invalid value `soon`"),
        ("mongodb:\n  query-timeout: soon\n", "line 2"),
        ("mongodb: {max-connections: 0}\n", "invalid value `0`"),
        ("mongodb: {live: perhaps}\n", "perhaps"),
        (
            "mongodb: {uri: a}\n",
            "--mongodb.uri: not a valid MongoDB connection string",
        ),
        (
            "mongodb: {uri: 'mongodb://a', uri-file: b}\n",
            "mongodb.uri and mongodb.uri-file are both set",
        ),
        ("mongodb: {uri-file: nowhere}\n", "nowhere"),
        (
            "mongodb:\n  uri: mongodb://me:topsecret@a\n  query-timeout: soon\n",
            "line 3",
        ),
        ("mongodb: {uri: [topsecret]}\n", "line 1"),
        ("mongodb:\n  topsecret: x\n  uri: y\n z\n", "exporter.yml"),
        ("collection: {max-share: 2}\n", "invalid value `2`"),
        ("collector: {user: true}\n", "there is no collector `user`"),
        ("collector: {users: perhaps}\n", "line 1"),
        ("collector: {profile: tiny}\n", "tiny"),
        ("rocketchat: {version: new}\n", "invalid value `new`"),
        ("rocketchat: {timezone: Mars/Crater}\n", "Mars/Crater"),
        ("rocketchat: {url: 'ftp://chat'}\n", "with http or https"),
        ("web: {enable-admin-api: true}\n", "set --rocketchat.url"),
        (
            "compat-metrics: true\ncompat-metrics: false\n",
            "compat-metrics",
        ),
        ("statistics: {shape: round}\n", "round"),
        ("mongodb: {database: ''}\n", "invalid value ``"),
        ("mongodb: {database: a.b}\n", "the name of a database"),
        ("- a\n- b\n", "line 1"),
        ("mongodb: {\n", "exporter.yml"),
        (
            "workspaces: {a: {}}\n",
            "workspaces: `a`: no MongoDB is configured",
        ),
        (
            "workspaces: {'a/b': {mongodb: {uri: 'mongodb://a'}}}\n",
            "`a/b`",
        ),
        (
            "workspaces: {'': {mongodb: {uri: 'mongodb://a'}}}\n",
            "cannot be the name",
        ),
        (
            "workspaces:\n  a: {mongodb: {uri: 'mongodb://me:topsecret@a/?x=y&authMechanism=z'}}\n",
            "workspaces: `a`: --mongodb.uri",
        ),
        (
            "workspaces:\n  a:\n    mongodb: {uri: 'mongodb://a'}\n    workspaces: {}\n",
            "line 4",
        ),
    ] {
        let output = check(text, &[]);
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{text}: {message}");
        assert!(message.contains(expected), "{text}: {message}");
        // The error may name an unknown key, but no value.
        let hidden = text.contains("topsecret:") || !message.contains("topsecret");
        assert!(hidden, "{message}");
    }
}

#[test]
fn too_many_workspaces_are_refused() {
    let workspaces = |number| {
        let names = (0..number).map(|index| format!("  w{index}: {{}}\n"));
        format!(
            "mongodb: {{uri: 'mongodb://db'}}\nworkspaces:\n{}",
            names.collect::<String>()
        )
    };
    assert_eq!(check(&workspaces(1000), &[]).status.code(), Some(0));
    let output = check(&workspaces(1001), &[]);
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains("1001 workspaces"), "{message}");
}

#[test]
fn path_of_another_kind_of_file_is_refused_with_its_setting() {
    let folder = tempfile::tempdir().expect("a directory can be created");
    let path = |name: &str| folder.path().join(name);
    let fifo = Command::new("mkfifo").arg(path("fifo")).status();
    assert!(fifo.expect("mkfifo runs").success());
    let large = File::create(path("large")).expect("the file can be written");
    large.set_len(1 << 40).expect("the file can be written");
    let names = [
        (path("fifo"), "a FIFO"),
        (Path::new("/dev/zero").to_owned(), "a device"),
        (folder.path().to_owned(), "a directory"),
        (path("large"), "larger than 1 MiB"),
    ];
    let refused = |command: &mut Command, setting: &str, expected: &str| {
        let output = command.arg("--config.check").output();
        let output = output.expect("the exporter runs");
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{setting}: {message}");
        assert!(
            message.contains(setting) && message.contains(expected),
            "{setting}: {message}"
        );
    };
    for (file, expected) in &names {
        for setting in [
            "config.file",
            "web.config.file",
            "mongodb.uri-file",
            "mongodb.password-file",
            "rocketchat.license-public-key-file",
        ] {
            let argument = format!("--{setting}={}", file.display());
            refused(Exporter::command().arg(argument), setting, expected);
        }
        for key in ["cert_file", "key_file", "client_ca_file"] {
            let web = path("web.yml");
            let text = ["cert_file", "key_file", "client_ca_file"].map(|name| {
                let file = if name == key { file } else { &web };
                format!("{name}: '{}'", file.display())
            });
            let text = format!("tls_server_config: {{{}}}\n", text.join(", "));
            fs::write(&web, text).expect("the file can be written");
            let argument = format!("--web.config.file={}", web.display());
            refused(Exporter::command().arg(argument), key, expected);
        }
        let mut command = Exporter::command();
        command.env("TZ", file);
        refused(&mut command, "--rocketchat.timezone", expected);
        let zones = tempfile::tempdir().expect("a directory can be created");
        if !file.is_dir() {
            let link = zones.path().join("zone");
            std::os::unix::fs::symlink(file, link).expect("the link can be created");
            for name in ["TZDIR", "SSL_CERT_DIR"] {
                let mut command = Exporter::command();
                command.env(name, zones.path());
                refused(&mut command, name, expected);
            }
            let mut command = Exporter::command();
            command.env("SSL_CERT_FILE", file);
            refused(&mut command, "SSL_CERT_FILE", expected);
        }
        let credentials = tempfile::tempdir().expect("a directory can be created");
        let credential = credentials.path().join("mongodb.uri");
        std::os::unix::fs::symlink(file, credential).expect("the link can be created");
        let mut command = Exporter::command();
        command.env("CREDENTIALS_DIRECTORY", credentials.path());
        refused(&mut command, "mongodb.uri", expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn exporter_works_with_the_minimum_and_maximum_of_every_setting() {
    let filled = Filled::new().await;
    for arguments in [
        [
            "--mongodb.query-timeout=1ms",
            "--mongodb.connect-timeout=1ms",
            "--mongodb.max-connections=1",
            "--collection.fast-interval=10ms",
            "--collection.normal-interval=10ms",
            "--collection.slow-interval=10ms",
            "--collection.max-share=0.0001",
            "--web.max-requests=0",
            "--web.idle-timeout=10ms",
            "--debug.now=2000-01-01T00:00:00Z",
        ],
        [
            "--mongodb.query-timeout=1h",
            "--mongodb.connect-timeout=1h",
            "--mongodb.max-connections=100",
            "--collection.fast-interval=168h",
            "--collection.normal-interval=168h",
            "--collection.slow-interval=168h",
            "--collection.max-share=1",
            "--web.max-requests=1000000",
            "--web.idle-timeout=24h",
            "--debug.now=2100-01-01T00:00:00Z",
        ],
    ] {
        let exporter = Exporter::on(&uri_of(&filled.database), &arguments);
        eventually("every collector was tried", || {
            let metrics = exporter.metrics();
            let series = "rocketchat_exporter_collector_readings_total{";
            let tried = metrics
                .lines()
                .filter(|line| line.starts_with(series))
                .count();
            (tried == rocketchat_exporter::COLLECTORS).then_some(())
        })
        .await;
        let log = exporter.log();
        assert!(
            !log.contains("panicked") && !log.contains("defect"),
            "{log}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn flag_overrides_file_and_file_overrides_default() {
    let folder = tempfile::tempdir().expect("a directory can be created");
    let file = folder.path().join("exporter.yml");
    // Paths in a file are relative to it. With a share of 1 a busy machine does not lengthen the intervals.
    fs::write(folder.path().join("uri"), shared_mongod().uri()).expect("the file can be written");
    let text = "mongodb: {uri-file: uri, database: none}\n\
                collection: {fast-interval: 7s, normal-interval: 8s, max-share: 1}\n";
    fs::write(&file, text).expect("the file can be written");
    let exporter = Exporter::start(&[
        &format!("--config.file={}", file.display()),
        "--collection.normal-interval=9s",
    ]);
    let interval = |collector: &str| {
        let series =
            format!("rocketchat_exporter_collector_interval_seconds{{collector=\"{collector}\"}}");
        exporter.value(&series)
    };
    eventually("everything was read", || interval("sessions")).await;
    eventually("everything was read", || interval("rooms")).await;
    assert_eq!(interval("instances"), Some(7.0));
    assert_eq!(interval("users"), Some(9.0));
    assert_eq!(interval("uploads"), Some(900.0));
}
