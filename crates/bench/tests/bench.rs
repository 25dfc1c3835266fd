//! The benchmark end to end, at a size too small for meaningful figures, and without the parts that need tools.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// The exporter that was built with these tests, or else a new build.
fn exporter() -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let folder = test.parent().and_then(|deps| deps.parent());
    let program = folder
        .context("the test has a directory")?
        .join("rocketchat-exporter");
    if !program.exists() {
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--package=rocketchat-exporter"])
            .current_dir(testbed::tools::workspace_root())
            .status()?;
        ensure!(status.success(), "the exporter does not build");
    }
    Ok(program)
}

fn run(arguments: &[&str]) -> Result<()> {
    let output = Command::new(env!("CARGO_BIN_EXE_rocketchat-exporter-bench"))
        .args(arguments)
        .output()?;
    ensure!(
        output.status.success(),
        "the benchmark fails: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

fn read(directory: &Path, name: &str) -> Result<Value> {
    let text = std::fs::read_to_string(directory.join(name))?;
    Ok(serde_json::from_str(&text)?)
}

#[test]
fn tiny_benchmark_measures_all_contenders_and_keeps_its_data() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let arguments = [
        "--size=0.0005",
        "--rounds=1",
        "--only=refresh,steady,footprint,busy,fleet",
        "--steady-seconds=1",
        "--starts=1",
        "--scrapes=50",
        "--workspaces=3",
        // A second one would be on the second mongod, and wait until that is reported as down.
        "--fleet=1",
        "--fleet-seconds=1",
        "--busy-seconds=1",
        "--busy-messages=100",
        "--busy-logins=50",
        &format!("--directory={}", directory.path().display()),
        &format!("--exporter={}", exporter()?.display()),
    ];
    run(&arguments)?;
    let refresh = read(directory.path(), "refresh.json")?;
    let contenders = refresh["result"]["contenders"]
        .as_object()
        .context("contenders")?;
    let names: Vec<&String> = contenders.keys().collect();
    assert_eq!(
        names,
        [
            "Rocket.Chat 3.4.0",
            "Rocket.Chat 6.2",
            "lower bound",
            "rocketchat-exporter",
            "rocketchat-exporter, an account was created",
            "rocketchat-exporter, document of 3.4.0",
            "rocketchat-exporter, document of 6.2",
            "rocketchat-exporter, live",
            "rocketchat-exporter, live, document of 3.4.0",
            "rocketchat-exporter, live, document of 6.2"
        ]
    );
    let examined = |name: &str| contenders[name]["median"]["documents_examined"].as_f64();
    for name in names {
        let documents = examined(name);
        // Live mode must examine fewer documents than reading.
        let as_expected = match name.replace(", live", "") {
            reading if reading != *name => documents > Some(0.0) && documents < examined(&reading),
            _ => documents > Some(500.0),
        };
        assert!(as_expected, "{name} examined {documents:?} documents");
    }
    let scans = refresh["result"]["queries"].as_array().context("queries")?;
    assert!(
        scans.len() > 40,
        "only {} queries were recorded",
        scans.len()
    );
    let targets = read(directory.path(), "targets.json")?;
    let targets = targets["result"].as_array().context("targets")?;
    let of_scans = targets
        .iter()
        .find(|target| target["name"] == "scans of messages");
    assert_eq!(of_scans.context("the target")?["met"], true);
    assert!(directory.path().join("footprint.json").exists());
    let busy = read(directory.path(), "busy.json")?;
    let loads = busy["result"]["loads"].as_array().context("loads")?;
    let kinds: Vec<_> = loads.iter().map(|load| &load["kind"]).collect();
    assert_eq!(kinds, ["messages", "logins", "presence", "rooms"]);
    let fleet = read(directory.path(), "fleet.json")?;
    let size = &fleet["result"]["sizes"][0];
    assert_eq!(size["workspaces"], 1);
    assert!(size["plain"]["bytes"].as_u64() > Some(10_000), "{size}");

    // A second run of the same size uses the data of the first.
    let made = workspace(directory.path())?;
    let only = arguments.map(|argument| match argument {
        "--only=refresh,steady,footprint,busy,fleet" => "--only=steady",
        other => other,
    });
    run(&only)?;
    assert_eq!(workspace(directory.path())?, made);
    Ok(())
}

/// The manifest of the generated workspace.
fn workspace(directory: &Path) -> Result<Value> {
    let mut entries = std::fs::read_dir(directory)?.flatten();
    let data = entries.find(|entry| entry.file_name().to_string_lossy().starts_with("data-"));
    read(&data.context("the data are kept")?.path(), "workspace.json")
}
