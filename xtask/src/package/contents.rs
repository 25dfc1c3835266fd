//! Generated files of the Debian package: output of the program, the systemd unit with the paths of a package, and the
//! documentation with links that work there. They are written to `target/package`, where `[package.metadata.deb]` in
//! Cargo.toml expects them.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use tools::workspace_root;

use crate::printed;
use crate::shipped::{self, Places, write};

const UNIT: &str = "systemd/rocketchat-exporter.service";
const PROVIDER: &str = "dashboards/provisioning/dashboards/rocketchat.yaml";
const EXAMPLE: &str = "deploy/prometheus/prometheus.yml";

/// Where an administrator has the program, the dashboards and the rules, and where the package has them.
const PROGRAM: [&str; 2] = [
    "/usr/local/bin/rocketchat-exporter",
    "/usr/bin/rocketchat-exporter",
];
const DASHBOARDS: [&str; 2] = [
    "/var/lib/grafana/dashboards/rocketchat",
    "/usr/share/rocketchat-exporter/dashboards",
];
const RULES: [&str; 2] = [
    "- rules/*.yml",
    "- /usr/share/rocketchat-exporter/rules/*.yml",
];

/// `doc` and `share` are /usr/share/doc/rocketchat-exporter and /usr/share/rocketchat-exporter: the way from one to the other
/// is the same for links. What Prometheus, Grafana and the runbooks' readers need is in `share`, because some systems install
/// no documentation.
const PLACES: Places = &[
    ("README.md", Some("doc/rocketchat-exporter/README.md")),
    ("docs/runbooks", Some("rocketchat-exporter/runbooks")),
    ("docs", Some("doc/rocketchat-exporter/docs")),
    (
        "deploy/README.md",
        Some("doc/rocketchat-exporter/deploy/README.md"),
    ),
    ("deploy/prometheus/rules", Some("rocketchat-exporter/rules")),
    (
        "deploy/prometheus/prometheus.yml",
        Some("doc/rocketchat-exporter/examples/prometheus.yml"),
    ),
    (
        "deploy/prometheus/alertmanager.yml",
        Some("doc/rocketchat-exporter/examples/alertmanager.yml"),
    ),
    (
        "dashboards/README.md",
        Some("doc/rocketchat-exporter/dashboards/README.md"),
    ),
    ("dashboards/source", None),
    ("dashboards/provisioning", None),
    ("dashboards", Some("rocketchat-exporter/dashboards")),
    (
        "systemd/README.md",
        Some("doc/rocketchat-exporter/systemd/README.md"),
    ),
    // Not a unit of the package: it would be started beside the service, which serves on the same address.
    (
        "systemd/rocketchat-exporter.socket",
        Some("doc/rocketchat-exporter/examples/rocketchat-exporter.socket"),
    ),
];

/// Writes all files to an emptied folder.
pub(super) fn make(program: &Path, folder: &Path) -> Result<()> {
    shipped::empty(folder)?;
    printed::write_all(|| Command::new(program), folder)?;
    let unit = adapted(UNIT, PROGRAM, 2)?;
    write(&folder.join("rocketchat-exporter.service"), unit.as_bytes())?;
    make_share(&folder.join("share"))?;
    let copy = folder.join("rocketchat-exporter");
    fs::copy(program, &copy)
        .with_context(|| format!("cannot copy `{}`", program.display()))
        .map(drop)
}

/// Writes what the package has below /usr/share, except for the manual page and completions.
fn make_share(share: &Path) -> Result<()> {
    shipped::copy(PLACES, share)?;
    for (file, paths, place) in [
        (
            PROVIDER,
            DASHBOARDS,
            "rocketchat-exporter/grafana-dashboards.yaml",
        ),
        (
            EXAMPLE,
            RULES,
            "doc/rocketchat-exporter/examples/prometheus.yml",
        ),
    ] {
        write(&share.join(place), adapted(file, paths, 1)?.as_bytes())?;
    }
    Ok(())
}

/// A file of the project, with the path of the package instead of the local one.
fn adapted(file: &str, [local, packaged]: [&str; 2], count: usize) -> Result<String> {
    let text = fs::read_to_string(workspace_root().join(file))
        .with_context(|| format!("cannot read `{file}`"))?;
    ensure!(
        text.matches(local).count() == count,
        "`{file}` does not name `{local}` {count} times"
    );
    Ok(text.replace(local, packaged))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shipped::{TemporaryFolder, broken_links};

    #[test]
    fn links_in_the_packaged_pages_lead_somewhere() {
        let share = TemporaryFolder::new("package-links");
        make_share(&share.path).expect("the files can be copied");
        assert_eq!(broken_links(&share.path), Vec::<String>::new());
    }

    #[test]
    fn paths_in_the_packaged_notes_exist() {
        let share = TemporaryFolder::new("package-notes");
        make_share(&share.path).expect("the files can be copied");
        let read = |file: &Path| fs::read_to_string(file).expect("the file can be read");
        let notes = read(&workspace_root().join("deploy/debian/README.Debian"));
        let generated = [
            "rocketchat-exporter/grafana-dashboards.yaml",
            "doc/rocketchat-exporter/examples/prometheus.yml",
        ];
        let generated = generated.map(|file| read(&share.path.join(file)));
        let text = notes + &generated.concat();
        let paths = text
            .split(['"', ' ', '\n'])
            .filter_map(|word| word.strip_prefix("/usr/share/"));
        let mut count = 0;
        for path in paths {
            let folder = path.trim_end_matches("/*.yml");
            assert!(share.path.join(folder).exists(), "{path}");
            count += 1;
        }
        assert_eq!(count, 5, "{text}");
        let runbook = "rocketchat-exporter/runbooks/ExporterDown.md";
        assert!(share.path.join(runbook).exists(), "{runbook}");
        let rules = "rocketchat-exporter/rules/availability.yml";
        assert!(share.path.join(rules).exists(), "{rules}");
    }
}
