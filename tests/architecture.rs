//! The direction of the code: who may know whom.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What starts and ends the program, and what is set from outside.
const TOP: [&str; 6] = ["cli", "commands", "config", "fuzzing", "program", "serve"];

/// What answers requests.
const WEB: [&str; 2] = ["http", "info_page"];

/// What shows a snapshot.
const SHOWS: [&str; 2] = ["document", "exposition"];

/// What reads a workspace.
const READS: [&str; 4] = ["backend", "change_streams", "mongodb", "scheduler"];

/// Modules of the crate, and those that nothing in them may import.
const NEVER: [(&str, &[&[&str]]); 13] = [
    ("catalogue", &[&TOP, &WEB, &SHOWS, &READS]),
    ("license", &[&TOP, &WEB, &SHOWS, &READS]),
    ("mongodb", &[&TOP, &WEB, &SHOWS, &["scheduler"]]),
    ("change_streams", &[&TOP, &WEB, &SHOWS, &["scheduler"]]),
    ("collectors", &[&TOP, &WEB, &["exposition", "scheduler"]]),
    ("scheduler", &[&TOP, &WEB, &SHOWS, &["backend"]]),
    ("document", &[&TOP, &WEB, &READS, &["exposition"]]),
    ("exposition", &[&TOP, &WEB, &READS]),
    ("http", &[&TOP, &READS]),
    ("info_page", &[&TOP, &READS]),
    ("web_config", &[&TOP, &WEB, &SHOWS, &READS]),
    ("rocketchat_client", &[&TOP, &WEB, &SHOWS, &READS]),
    ("config", &[&["commands", "program", "serve"]]),
];

fn source_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder can be listed") {
        let path = entry.expect("the folder can be listed").path();
        if path.is_dir() {
            files.extend(source_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn source() -> PathBuf {
    root().join("src")
}

/// The folders of source of every crate in the workspace, the exporter's first.
fn sources() -> Vec<PathBuf> {
    let crates = fs::read_dir(root().join("crates")).expect("crates/ can be listed");
    let crates = crates.map(|entry| entry.expect("crates/ can be listed").path().join("src"));
    let mut all = vec![source(), root().join("xtask/src")];
    all.extend(crates);
    all
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
        rest.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
            .next()
            .filter(|name| !name.is_empty())
    })
}

/// The modules of the crate that `mongodb` may import: it knows no collector.
const MONGODB_IMPORTS: [&str; 5] = ["catalogue", "clock", "mongodb", "secret", "small_file"];

#[test]
fn mongodb_imports_catalogue_only() {
    for file in source_files(&source()) {
        if module_of(&file) != "mongodb" {
            continue;
        }
        let text = fs::read_to_string(&file).expect("the file can be read");
        for name in imported(&text) {
            let is_allowed = MONGODB_IMPORTS.contains(&name);
            assert!(is_allowed, "{} imports `{name}`", file.display());
        }
    }
}

#[test]
fn no_module_imports_what_lies_above_it() {
    for file in source_files(&source()) {
        let module = module_of(&file);
        let text = fs::read_to_string(&file).expect("the file can be read");
        for (_, never) in NEVER.iter().filter(|(name, _)| *name == module) {
            for name in imported(&text) {
                let is_allowed = never.iter().all(|names| !names.contains(&name));
                assert!(is_allowed, "{} imports `{name}`", file.display());
            }
        }
    }
}

/// The modules that a file's `use` declarations name, as paths below the crate.
fn used_modules(source: &Path, file: &Path) -> Vec<Vec<String>> {
    let text = fs::read_to_string(file).expect("the file can be read");
    let declarations = text.lines().fold(Vec::<String>::new(), |mut all, line| {
        let begins = line
            .strip_prefix("pub ")
            .unwrap_or(line)
            .strip_prefix("use ");
        match (begins, all.last_mut()) {
            (Some(declaration), _) => all.push(declaration.to_owned()),
            (None, Some(last)) if !last.ends_with(';') => last.push_str(line.trim()),
            _ => {}
        }
        all
    });
    let own = path_of(source, file);
    let mut modules = Vec::new();
    for declaration in declarations {
        let (prefix, group) = declaration.split_once('{').unwrap_or((&declaration, ""));
        let mut path: Vec<String> = Vec::new();
        for (place, part) in prefix
            .split(&[':', ';'][..])
            .filter(|part| !part.is_empty())
            .enumerate()
        {
            match part {
                "crate" => {}
                "super" if place == 0 => path = own[..own.len() - 1].to_vec(),
                "super" => drop(path.pop()),
                _ => path.push(part.to_owned()),
            }
        }
        let is_local = ["crate", "super"]
            .iter()
            .any(|root| prefix.starts_with(root));
        if !is_local {
            continue;
        }
        let items = group.split(&[',', '{', '}', ';', ' '][..]);
        for item in items
            .chain([""])
            .filter(|item| item.is_empty() || item.starts_with(char::is_lowercase))
        {
            let first = item.split(':').next().unwrap_or_default();
            let with_item = path
                .iter()
                .cloned()
                .chain((!first.is_empty()).then(|| first.to_owned()));
            modules.push(with_item.collect());
        }
    }
    modules
}

/// The path of a file's module.
fn path_of(source: &Path, file: &Path) -> Vec<String> {
    let relative = file
        .strip_prefix(source)
        .expect("the file is below src")
        .with_extension("");
    let parts = relative
        .iter()
        .map(|part| part.to_string_lossy().into_owned());
    parts
        .filter(|part| part != "mod" && part != "lib")
        .collect()
}

#[test]
fn no_two_files_import_each_other_however_long_the_way() {
    for source in sources() {
        assert_no_circle(&source);
    }
}

fn assert_no_circle(source: &Path) {
    let files: BTreeMap<Vec<String>, PathBuf> = source_files(source)
        .into_iter()
        .map(|file| (path_of(source, &file), file))
        .collect();
    let imports: BTreeMap<&Vec<String>, BTreeSet<&Vec<String>>> = files
        .iter()
        .map(|(module, file)| {
            let used = used_modules(source, file)
                .into_iter()
                .filter_map(|mut path| {
                    while !files.contains_key(&path) {
                        path.pop()?;
                    }
                    let (used, _) = files.get_key_value(&path)?;
                    // A folder's own file and those in it belong together.
                    let is_near = used.starts_with(module) || module.starts_with(used);
                    (!is_near).then_some(used)
                });
            (module, used.collect())
        })
        .collect();
    for start in imports.keys() {
        let (mut seen, mut next) = (BTreeSet::new(), vec![*start]);
        while let Some(module) = next.pop() {
            for used in &imports[module] {
                assert!(
                    used != start,
                    "{} and {} import each other",
                    start.join("/"),
                    module.join("/")
                );
                if seen.insert(*used) {
                    next.push(used);
                }
            }
        }
    }
}

#[test]
fn what_is_known_of_a_section_knows_nothing_of_how_it_is_read() {
    for file in source_files(&source().join("collectors")) {
        if !file.ends_with("mod.rs") {
            continue;
        }
        let text = fs::read_to_string(&file).expect("the file can be read");
        let uses = text
            .lines()
            .filter_map(|line| line.trim().trim_start_matches("pub ").strip_prefix("use "));
        for path in uses {
            let first = path.split(&[':', ';', ' '][..]).next().unwrap_or(path);
            let is_pure = ["std", "super", "fields"].contains(&first)
                || path.starts_with("crate::catalogue::")
                || path.starts_with("crate::collectors::");
            assert!(is_pure, "{} imports `{path}`", file.display());
        }
    }
}

#[test]
fn collector_folders_are_those_of_the_list() {
    let folder = source().join("collectors");
    let folders: BTreeSet<String> = fs::read_dir(&folder)
        .expect("the folder can be listed")
        .map(|entry| entry.expect("the folder can be listed").path())
        .filter(|path| path.is_dir())
        .map(|path| path_of(&source(), &path).pop().unwrap_or_default())
        .collect();
    let list = fs::read_to_string(folder.with_extension("rs")).expect("the list can be read");
    let (_, list) = list
        .split_once("$derived! {")
        .expect("the macro has the list");
    let (list, _) = list.split_once('}').expect("the list ends");
    let listed: BTreeSet<String> = list
        .lines()
        .filter_map(|line| Some(line.trim().split_once("::")?.0.to_owned()))
        .collect();
    assert_eq!(folders, listed);
}

#[test]
fn files_that_an_operator_names_are_read_by_one_function() {
    // What `backfill` opens it has written itself, and opens by `backfill/files.rs`; the seeds are files of this repository.
    let others = ["small_file.rs", "commands/backfill", "fuzzing.rs"];
    for file in source_files(&source()) {
        let relative = file.strip_prefix(source()).expect("the file is below src");
        if others.iter().any(|other| relative.starts_with(other)) {
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
fn every_file_says_what_it_is_for() {
    let folders = sources().into_iter().chain([root().join("tests")]);
    for file in folders.flat_map(|folder| source_files(&folder)) {
        let text = fs::read_to_string(&file).expect("the file can be read");
        assert!(text.starts_with("//! "), "{}", file.display());
    }
}

#[test]
fn type_names_are_unique() {
    const KINDS: [&str; 5] = ["struct ", "enum ", "trait ", "type ", "union "];
    let mut files_of: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for file in source_files(&source()) {
        let text = fs::read_to_string(&file).expect("the file can be read");
        // Types of a module begin a line; associated types are indented.
        let names = text.lines().filter_map(|line| {
            let line = line.strip_prefix("pub ").unwrap_or(line);
            let name = KINDS.iter().find_map(|kind| line.strip_prefix(kind))?;
            name.split(|letter: char| !letter.is_ascii_alphanumeric())
                .next()
        });
        for name in names {
            files_of
                .entry(name.to_owned())
                .or_default()
                .push(file.clone());
        }
    }
    assert!(files_of.len() > 100, "{} types", files_of.len());
    files_of.retain(|_, files| files.len() > 1);
    assert!(files_of.is_empty(), "{files_of:#?}");
}

#[test]
fn no_comment_has_an_example_to_run() {
    // Cargo.toml turns doc tests off: an example would never be compiled.
    for file in sources().iter().flat_map(|folder| source_files(folder)) {
        let text = fs::read_to_string(&file).expect("the file can be read");
        let mut fences = text.lines().filter_map(|line| {
            let comment = line.trim_start().strip_prefix("//")?;
            comment
                .trim_start_matches(['/', '!', ' '])
                .strip_prefix("```")
        });
        let begins = fences.by_ref().step_by(2);
        for language in begins {
            assert_eq!(language, "text", "{}", file.display());
        }
    }
}
