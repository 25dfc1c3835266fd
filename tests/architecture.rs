//! The direction of the code: who may know whom.

use std::fs;
use std::path::{Path, PathBuf};

/// Modules of the crate, and the other modules that each may import.
const MAY_IMPORT: [(&str, &[&str]); 28] = [
    ("statistics", &[]),
    ("secret", &[]),
    ("signals", &[]),
    ("supervision", &[]),
    ("listen", &[]),
    ("logging", &[]),
    ("network", &[]),
    ("small_file", &[]),
    ("yaml", &[]),
    ("web_config", &["small_file", "yaml"]),
    ("password", &[]),
    ("clock", &["statistics"]),
    ("sources", &["clock", "secret", "small_file", "statistics"]),
    (
        "sampler",
        &["clock", "sources", "statistics", "supervision"],
    ),
    ("render", &["statistics"]),
    ("rocketchat", &[]),
    ("options", &["render", "secret", "statistics"]),
    (
        "http",
        &[
            "listen",
            "network",
            "render",
            "rocketchat",
            "statistics",
            "supervision",
            "web_config",
        ],
    ),
    ("cli", &["listen", "options", "statistics"]),
    (
        "config",
        &[
            "cli",
            "clock",
            "http",
            "listen",
            "options",
            "render",
            "rocketchat",
            "sampler",
            "secret",
            "small_file",
            "sources",
            "statistics",
            "web_config",
            "yaml",
        ],
    ),
    (
        "run",
        &[
            "cli",
            "clock",
            "config",
            "http",
            "listen",
            "logging",
            "render",
            "rocketchat",
            "sampler",
            "signals",
            "sources",
            "statistics",
            "supervision",
        ],
    ),
    ("once", &["cli", "config", "render", "run", "statistics"]),
    (
        "check",
        &["cli", "clock", "config", "sources", "statistics"],
    ),
    (
        "backfill",
        &[
            "cli",
            "config",
            "render",
            "signals",
            "sources",
            "statistics",
        ],
    ),
    ("health", &["cli", "listen", "web_config"]),
    ("fuzzing", &["config", "http", "sources", "web_config"]),
    (
        "program",
        &[
            "backfill", "check", "cli", "config", "health", "listen", "logging", "once",
            "password", "render", "run", "signals",
        ],
    ),
    ("main", &[]),
];

fn source_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder can be listed") {
        let path = entry.expect("the folder can be listed").path();
        if path.is_dir() {
            files.extend(source_files(&path));
        } else if path.extension().is_some_and(|it| it == "rs") {
            files.push(path);
        }
    }
    files
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The crate's module that a file belongs to.
fn module_of(file: &Path) -> String {
    let relative = file.strip_prefix(source()).expect("the file is below src");
    let first = relative.iter().next().and_then(|part| part.to_str());
    first.unwrap_or_default().trim_end_matches(".rs").to_owned()
}

/// Names that follow `crate::` in a text.
fn imported(text: &str) -> impl Iterator<Item = &str> {
    text.split("crate::").skip(1).filter_map(|rest| {
        rest.split(|it: char| !it.is_ascii_alphanumeric() && it != '_')
            .next()
            .filter(|name| !name.is_empty())
    })
}

#[test]
fn every_module_imports_only_what_lies_below_it() {
    for file in source_files(&source()) {
        let module = module_of(&file);
        if module == "lib" {
            continue;
        }
        let (_, allowed) = MAY_IMPORT
            .iter()
            .find(|(name, _)| *name == module)
            .unwrap_or_else(|| panic!("{} has no place in the order", file.display()));
        let text = fs::read_to_string(&file).expect("the file can be read");
        for name in imported(&text) {
            assert!(
                name == module || allowed.contains(&name),
                "{} imports `{name}`",
                file.display()
            );
        }
    }
}

#[test]
fn files_that_an_operator_names_are_read_by_one_function() {
    // What `backfill` opens it has written itself, and opens by `backfill/files.rs`; the seeds are files of this repository.
    let others = ["small_file", "backfill", "fuzzing"];
    for file in source_files(&source()) {
        if others.contains(&&*module_of(&file)) {
            continue;
        }
        let text = fs::read_to_string(&file).expect("the file can be read");
        for call in [
            "fs::read(",
            "fs::read_to_string(",
            "File::open(",
            "OpenOptions",
            "tokio::fs",
        ] {
            assert!(!text.contains(call), "{}: `{call}`", file.display());
        }
    }
}

#[test]
fn the_model_imports_nothing_but_std() {
    let model = source_files(&source())
        .into_iter()
        .filter(|file| module_of(file) == "statistics");
    for file in model {
        let text = fs::read_to_string(&file).expect("the file can be read");
        for line in text.lines().map(str::trim) {
            let Some(path) = line
                .strip_prefix("use ")
                .or_else(|| line.strip_prefix("pub use "))
            else {
                continue;
            };
            let first = path.split("::").next().unwrap_or(path);
            let own = ["std", "super"].contains(&first)
                || source().join(format!("statistics/{first}.rs")).exists();
            assert!(own, "{}: {line}", file.display());
        }
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    for file in source_files(&source())
        .into_iter()
        .chain(source_files(&tests))
    {
        let text = fs::read_to_string(&file).expect("the file can be read");
        assert!(text.starts_with("//! "), "{}", file.display());
    }
}
