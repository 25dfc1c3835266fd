//! The generated parts of the docs, and the links of all Markdown files.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use regex_lite::Regex;

use crate::support::{Exporter, assert_golden, files_below};

fn printed(argument: &str) -> String {
    let output = Exporter::command()
        .arg(argument)
        .output()
        .expect("the exporter runs");
    String::from_utf8(output.stdout).expect("the output is UTF-8")
}

#[test]
fn statistics_reference_is_the_printed_one() {
    let reference = format!("\n{}", printed("--print-statistics"));
    let markers = ("<!-- statistics: begin -->", "<!-- statistics: end -->");
    assert_golden("docs/statistics.md", Some(markers), &reference);
}

#[test]
fn statistics_summary_has_every_section() {
    let summary = format!("\n{}", rocketchat_exporter::statistics_summary());
    let markers = ("<!-- statistics: begin -->", "<!-- statistics: end -->");
    assert_golden("docs/metrics.md", Some(markers), &summary);
}

#[test]
fn profile_table_has_every_metric_of_the_minimal_profile() {
    let table = format!("\n{}", rocketchat_exporter::minimal_profile());
    let markers = ("<!-- profile: begin -->", "<!-- profile: end -->");
    assert_golden("docs/metrics.md", Some(markers), &table);
}

#[test]
fn configuration_table_has_every_flag() {
    let table = format!("\n{}", rocketchat_exporter::configuration_reference());
    let markers = (
        "<!-- configuration: begin -->",
        "<!-- configuration: end -->",
    );
    assert_golden("docs/configuration.md", Some(markers), &table);
}

/// The Markdown files of the project.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let entries = fs::read_dir(root).expect("the directory can be listed");
    let top = entries.map(|entry| entry.expect("the directory can be listed").path());
    let folders = [".github", "dashboards", "deploy", "docs", "systemd"];
    let below = folders
        .iter()
        .flat_map(|folder| files_below(&root.join(folder)));
    top.chain(below)
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect()
}

/// The anchors that GitHub gives the headings of a page.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut in_code = false;
    let mut anchors = BTreeSet::new();
    for line in page.lines() {
        in_code ^= line.trim_start().starts_with("```");
        let heading = line.trim_start_matches('#');
        if in_code || heading.len() == line.len() {
            continue;
        }
        let text = heading.trim().to_lowercase().replace(' ', "-");
        let is_kept = |letter: &char| letter.is_alphanumeric() || matches!(letter, '-' | '_');
        anchors.insert(text.chars().filter(is_kept).collect());
    }
    anchors
}

#[test]
fn relative_links_lead_to_files_and_headings() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").expect("the pattern is valid");
    let mut broken = Vec::new();
    for page in pages() {
        let text = fs::read_to_string(&page).expect("the page can be read");
        for target in link.captures_iter(&text).map(|found| found[1].to_owned()) {
            if target.starts_with("http") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let folder = page.parent().expect("a page is in a folder");
            let linked = if file.is_empty() {
                page.clone()
            } else {
                folder.join(file)
            };
            let is_there = if anchor.is_empty() {
                linked.exists()
            } else {
                fs::read_to_string(&linked).is_ok_and(|text| anchors(&text).contains(anchor))
            };
            if !is_there {
                broken.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

const MAX_README_BYTES: usize = 10_000;

#[test]
fn readme_is_short_and_links_to_every_page() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).expect("the README can be read");
    let size = readme.len();
    assert!(size <= MAX_README_BYTES, "the README has {size} bytes");
    for entry in fs::read_dir(root.join("docs")).expect("docs/ can be listed") {
        let name = entry.expect("docs/ can be listed").file_name();
        let name = name.to_string_lossy();
        let is_linked = readme.contains(&format!("](docs/{name})"));
        assert!(
            is_linked || !name.ends_with(".md"),
            "docs/{name} has no link"
        );
    }
}
