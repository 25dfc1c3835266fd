//! What `cargo xtask dist` makes of a release, with the program of the tests: a release build takes too long for them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use serde_json::Value;
use tempfile::TempDir;
use testbed::tools;
use testbed::tools::cargo::cargo;

use crate::support::{Exporter, shared_mongod, shared_workspace};

const VERSION: &str = env!("CARGO_PKG_VERSION");
const PAGE: &str = "docs/install-binary.md";

fn text(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    fs::read_to_string(path).expect("the file can be read")
}

fn printed(command: &mut Command) -> String {
    let output = command.output().expect("the command runs");
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed).into_owned();
    assert!(output.status.success(), "{command:?}\n{printed}");
    printed
}

/// Runs `cargo xtask dist` and returns the folder with its files.
fn new_dist() -> TempDir {
    let folder = tempfile::tempdir().expect("a directory can be created");
    printed(
        cargo()
            .args(["xtask", "dist", "--program"])
            .arg(env!("CARGO_BIN_EXE_rocketchat-exporter"))
            .arg("--output")
            .arg(folder.path())
            .current_dir(env!("CARGO_MANIFEST_DIR")),
    );
    folder
}

/// The files of one run, for all tests that run at the same time.
fn dist() -> Arc<TempDir> {
    static SHARED: Mutex<Weak<TempDir>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(dist) = shared.upgrade() {
        return dist;
    }
    let dist = Arc::new(new_dist());
    *shared = Arc::downgrade(&dist);
    dist
}

/// The name of the archive, without its ending.
fn name() -> String {
    let target = printed(Command::new("rustc").args(["--print", "host-tuple"]));
    format!("rocketchat-exporter-{VERSION}-{}", target.trim())
}

/// A copy of the files, installed below the returned folder by the commands of the page.
fn install() -> (TempDir, PathBuf) {
    let dist = dist();
    let page = text(PAGE);
    let script = page
        .split("```sh\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .expect("the page has commands");
    let folder = tempfile::tempdir().expect("a directory can be created");
    for entry in fs::read_dir(dist.path()).expect("the folder can be listed") {
        let path = entry.expect("the folder can be listed").path();
        let name = path.file_name().expect("a file has a name");
        fs::copy(&path, folder.path().join(name)).expect("the file can be copied");
    }
    let root = folder.path().join("root");
    let local = root.join("usr/local");
    let script = script
        .replace("/usr/local", &local.display().to_string())
        .replace(
            &format!("rocketchat-exporter-{VERSION}-x86_64-unknown-linux-gnu"),
            &name(),
        );
    printed(
        Command::new("sh")
            .args(["-euc", &script])
            .current_dir(folder.path()),
    );
    (folder, root)
}

#[tokio::test(flavor = "multi_thread")]
async fn program_installed_as_documented_serves_metrics() {
    let workspace = shared_workspace().await;
    let (_folder, root) = install();
    let program = root.join("usr/local/bin/rocketchat-exporter");
    let version = printed(Command::new(&program).arg("--version"));
    assert!(version.contains(VERSION), "{version}");
    let uri = workspace.uri_at(shared_mongod().port());
    let mut command = Command::new(&program);
    command.env_clear();
    let exporter = Exporter::spawn(Exporter::with_database(&mut command, &uri, &[]));
    exporter.wait_for_collectors().await;
    assert_eq!(exporter.value("rocketchat_up"), Some(1.0));
}

#[test]
fn changed_archive_fails_the_documented_checksums() {
    let dist = dist();
    let folder = tempfile::tempdir().expect("a directory can be created");
    let archive = format!("{}.tar.gz", name());
    let mut content = fs::read(dist.path().join(&archive)).expect("the archive can be read");
    let last = content.last_mut().expect("the archive has content");
    *last ^= 1;
    fs::write(folder.path().join(&archive), content).expect("the archive can be written");
    fs::copy(
        dist.path().join("SHA256SUMS"),
        folder.path().join("SHA256SUMS"),
    )
    .expect("the checksums can be copied");
    let command = "sha256sum --check --ignore-missing SHA256SUMS";
    assert!(text(PAGE).contains(command));
    let output = Command::new("sh")
        .args(["-c", command])
        .current_dir(folder.path())
        .output()
        .expect("the shell runs");
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(report.contains(&format!("{archive}: FAILED")), "{report}");
    assert!(!output.status.success());
}

#[test]
fn manual_page_and_completions_are_well_formed() {
    let (_folder, root) = install();
    let share = root.join("usr/local/share");
    let mandoc = tools::MANDOC.find().expect("mandoc is installed");
    printed(
        mandoc
            .command()
            .args(["-T", "lint", "-W", "error"])
            .arg(share.join("man/man1/rocketchat-exporter.1")),
    );
    let bash = share.join("bash-completion/completions/rocketchat-exporter");
    printed(Command::new("bash").arg("-n").arg(bash));
    for file in [
        "zsh/site-functions/_rocketchat-exporter",
        "fish/vendor_completions.d/rocketchat-exporter.fish",
    ] {
        let completions = fs::read_to_string(share.join(file)).expect("the file can be read");
        assert!(completions.contains("backfill"), "{completions}");
    }
}

#[test]
fn prometheus_accepts_the_configuration_in_the_archive() {
    let (folder, _) = install();
    let config = folder
        .path()
        .join(name())
        .join("deploy/prometheus/prometheus.yml");
    let promtool = tools::PROMTOOL.find().expect("promtool is installed");
    let report = printed(promtool.command().args(["check", "config"]).arg(config));
    assert!(report.contains("rules found"), "{report}");
}

#[test]
fn list_of_crates_has_those_of_the_program_alone() {
    let dist = dist();
    let list = dist.path().join(format!("{}.cdx.json", name()));
    let list = fs::read_to_string(list).expect("the list can be read");
    let list: Value = serde_json::from_str(&list).expect("the list is JSON");
    assert_eq!(list["bomFormat"], "CycloneDX");
    let component = &list["metadata"]["component"];
    assert_eq!(component["name"], "rocketchat-exporter");
    assert_eq!(component["version"], VERSION);
    let crates: Vec<(&str, &str)> = list["components"]
        .as_array()
        .expect("the list has components")
        .iter()
        .filter(|component| component["type"] == "library")
        .map(|component| {
            let value = |key: &str| component[key].as_str().expect("the value is a string");
            (value("name"), value("version"))
        })
        .collect();
    let lock = text("Cargo.lock");
    for (name, version) in &crates {
        let package = format!("name = \"{name}\"\nversion = \"{version}\"\n");
        assert!(lock.contains(&package), "{name} {version}");
    }
    let has = |wanted: &str| crates.iter().any(|(name, _)| *name == wanted);
    for linked in ["bson", "hyper", "mongodb", "ring", "rustls", "tokio"] {
        assert!(has(linked), "{linked}");
    }
    // Crates of the tests, of the commands and of macros.
    for other in ["syn", "rcgen", "xtask", "serde_derive"] {
        assert!(lock.contains(&format!("name = \"{other}\"\n")), "{other}");
        assert!(!has(other), "{other}");
    }
}

#[test]
fn same_sources_make_the_same_archive() {
    let archive = |folder: &TempDir| {
        fs::read(folder.path().join(format!("{}.tar.gz", name()))).expect("the archive can be read")
    };
    let first = archive(&dist());
    assert!(first == archive(&new_dist()), "the archives differ");
}

#[test]
fn binstall_looks_for_the_archive() {
    let manifest = text("Cargo.toml");
    let value = |key: &str| {
        let line = manifest
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \""));
        let value = line.and_then(|line| line.strip_suffix('"'));
        value.unwrap_or_else(|| panic!("Cargo.toml has no `{key}`"))
    };
    let name = name();
    let target = name
        .strip_prefix(&format!("rocketchat-exporter-{VERSION}-"))
        .expect("the name ends with the target");
    let filled = |template: &str| {
        template
            .replace("{ repo }", env!("CARGO_PKG_REPOSITORY"))
            .replace("{ name }", env!("CARGO_PKG_NAME"))
            .replace("{ version }", VERSION)
            .replace("{ target }", target)
            .replace("{ bin }", "rocketchat-exporter")
    };
    let repository = env!("CARGO_PKG_REPOSITORY");
    assert_eq!(
        filled(value("pkg-url")),
        format!("{repository}/releases/download/v{VERSION}/{name}.tar.gz")
    );
    let (folder, _) = install();
    let program = folder.path().join(filled(value("bin-dir")));
    assert!(program.is_file(), "{}", program.display());
}
