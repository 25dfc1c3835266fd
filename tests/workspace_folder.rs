//! `--config.dir`: a directory with a file for each workspace.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::support::{Exporter, eventually, promtool_error, shared_workspace};

/// A directory of workspaces, and the file with the settings that they share.
struct Folder {
    parent: TempDir,
}

impl Folder {
    fn new(common: &str) -> Self {
        let parent = tempfile::tempdir().expect("a directory can be created");
        fs::create_dir(parent.path().join("workspaces")).expect("a directory can be created");
        fs::write(parent.path().join("common.yml"), common).expect("the file can be written");
        Self { parent }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.parent.path().join("workspaces").join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("the file can be written");
    }

    fn flags(&self) -> [String; 2] {
        let parent = self.parent.path().display();
        [
            format!("--config.file={parent}/common.yml"),
            format!("--config.dir={parent}/workspaces"),
        ]
    }

    fn start(&self) -> Exporter {
        let [file, folder] = self.flags();
        Exporter::start(&[&file, &folder])
    }
}

/// The names that `/sd` lists.
fn listed(exporter: &Exporter) -> Vec<String> {
    let groups = exporter.get("/sd").json();
    let groups = groups.as_array().expect("it is a list").iter();
    let name = |group: &serde_json::Value| group["labels"]["workspace"].as_str().map(str::to_owned);
    groups.filter_map(name).collect()
}

async fn wait_for(exporter: &Exporter, names: &[&str]) {
    let expected = format!("the workspaces are {names:?}");
    eventually(&expected, || (listed(exporter) == names).then_some(())).await;
}

fn readings(exporter: &Exporter, workspace: &str) -> Option<f64> {
    exporter.value(&format!(
        "rocketchat_exporter_collector_readings_total{{workspace=\"{workspace}\",collector=\"presence\"}}"
    ))
}

const UNREACHABLE: &str = "mongodb: {uri: 'mongodb://127.0.0.1:9', connect-timeout: 200ms}\n";

#[tokio::test(flavor = "multi_thread")]
async fn files_are_added_changed_and_removed_without_a_reload() {
    let shared = shared_workspace().await;
    let common = format!(
        "mongodb: {{uri: '{}'}}\ncollector: {{disable-defaults: true, presence: true}}\n",
        shared.uri
    );
    let folder = Folder::new(&common);
    folder.write("one.yml", "");
    let exporter = folder.start();
    let first = eventually("the workspace is read", || readings(&exporter, "one")).await;
    assert_eq!(listed(&exporter), ["one"]);

    folder.write("two.yml", UNREACHABLE);
    wait_for(&exporter, &["one", "two"]).await;
    folder.write("two.yml", "compat-metrics: false\n");
    eventually("the changed workspace is read", || {
        let up = exporter.value("rocketchat_up{workspace=\"two\"}");
        up.filter(|up| *up > 0.0)
    })
    .await;
    // The other one was not restarted.
    assert!(readings(&exporter, "one") >= Some(first));
    fs::remove_file(folder.path("two.yml")).expect("the file can be removed");
    wait_for(&exporter, &["one"]).await;
    assert!(readings(&exporter, "one") >= Some(first));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_file_costs_its_own_workspace_alone() {
    let folder = Folder::new("collector: {profile: minimal}\n");
    folder.write("good.yml", UNREACHABLE);
    folder.write("wrong.yml", "mongodb: {uri: topsecret}\n");
    let exporter = folder.start();
    assert_eq!(listed(&exporter), ["good"]);
    let invalid = |file: &str| {
        exporter.value(&format!(
            "rocketchat_exporter_workspace_file_invalid{{file=\"{file}\"}}"
        ))
    };
    assert_eq!(invalid("wrong.yml"), Some(1.0));
    exporter.logged("its workspace is not read").await;

    // A file that becomes wrong keeps its last valid settings.
    folder.write("good.yml", "mongodb: {\n");
    eventually("the file is reported", || invalid("good.yml")).await;
    assert_eq!(listed(&exporter), ["good"]);
    exporter.logged("its last valid settings stay in use").await;
    let files = |state: &str| {
        exporter.value(&format!(
            "rocketchat_exporter_workspace_files{{state=\"{state}\"}}"
        ))
    };
    assert_eq!((files("valid"), files("invalid")), (Some(0.0), Some(2.0)));
    assert_eq!(promtool_error(exporter.metrics().as_bytes()), None);

    folder.write("good.yml", UNREACHABLE);
    folder.write("wrong.yml", UNREACHABLE);
    wait_for(&exporter, &["good", "wrong"]).await;
    eventually("no file is reported", || {
        (files("invalid") == Some(0.0)).then_some(())
    })
    .await;
    assert!(!exporter.log().contains("topsecret"), "{}", exporter.log());
}

/// Kubernetes writes a ConfigMap into a new directory and renames a link to it.
#[tokio::test(flavor = "multi_thread")]
async fn replaced_link_of_a_configmap_is_noticed() {
    let folder = Folder::new("");
    let publish = |version: &str, names: &[&str]| {
        let data = folder.path(version);
        fs::create_dir(&data).expect("a directory can be created");
        for name in names {
            fs::write(data.join(name), UNREACHABLE).expect("the file can be written");
        }
        symlink(version, folder.path("..data_tmp")).expect("a link can be created");
        fs::rename(folder.path("..data_tmp"), folder.path("..data"))
            .expect("the link can be renamed");
        for name in names.iter().filter(|name| !folder.path(name).exists()) {
            let target = Path::new("..data").join(name);
            symlink(target, folder.path(name)).expect("a link can be created");
        }
    };
    publish("..2026_1", &["a.yml"]);
    let exporter = folder.start();
    assert_eq!(listed(&exporter), ["a"]);
    publish("..2026_2", &["a.yml", "b.yml"]);
    wait_for(&exporter, &["a", "b"]).await;
}

#[test]
fn check_reports_every_wrong_file() {
    let folder = Folder::new("");
    folder.write("a.yml", UNREACHABLE);
    let check = || {
        let output = Exporter::command()
            .args(folder.flags())
            .arg("--config.check")
            .output()
            .expect("the exporter runs");
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), message)
    };
    assert_eq!(check(), (Some(0), String::new()));
    folder.write("b.yml", "mongodb: {uri: x}");
    folder.write("c.yml", "collector: {user: true}");
    let (status, message) = check();
    assert_eq!(status, Some(2), "{message}");
    for expected in [
        "b.yml",
        "not a valid MongoDB",
        "c.yml",
        "no collector `user`",
    ] {
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn list_in_the_file_and_a_directory_are_refused_together() {
    let folder = Folder::new("workspaces: {}\n");
    let output = Exporter::command()
        .args(folder.flags())
        .arg("--config.check")
        .output()
        .expect("the exporter runs");
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains("keep one of them"), "{message}");
}
