//! Rules about the source: which modules may import which, and how files begin.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::files_below;

/// Modules that start the program and hold its configuration.
const TOP: [&str; 6] = ["cli", "commands", "config", "fuzzing", "program", "serve"];

/// Modules that serve requests.
const WEB: [&str; 2] = ["http", "info_page"];

/// Modules that render a snapshot.
const RENDER: [&str; 2] = ["document", "exposition"];

/// Modules that read a workspace.
const READ: [&str; 4] = ["backend", "change_streams", "mongodb", "scheduler"];

/// Modules of the crate, and the modules that they must not import.
const FORBIDDEN: [(&str, &[&[&str]]); 14] = [
    ("catalogue", &[&TOP, &WEB, &RENDER, &READ]),
    ("license", &[&TOP, &WEB, &RENDER, &READ]),
    ("mongodb", &[&TOP, &WEB, &RENDER, &["scheduler"]]),
    ("change_streams", &[&TOP, &WEB, &RENDER, &["scheduler"]]),
    ("collectors", &[&TOP, &WEB, &["exposition", "scheduler"]]),
    ("conditions", &[&TOP, &WEB, &RENDER, &READ]),
    ("scheduler", &[&TOP, &WEB, &RENDER, &["backend"]]),
    ("document", &[&TOP, &WEB, &READ, &["exposition"]]),
    ("exposition", &[&TOP, &WEB, &READ]),
    ("http", &[&TOP, &READ]),
    ("info_page", &[&TOP, &READ]),
    ("web_config", &[&TOP, &WEB, &RENDER, &READ]),
    ("rocketchat_client", &[&TOP, &WEB, &RENDER, &READ]),
    ("config", &[&["commands", "program", "serve"]]),
];

fn source_files(folder: &Path) -> Vec<PathBuf> {
    let is_source = |file: &PathBuf| file.extension().is_some_and(|extension| extension == "rs");
    files_below(folder).into_iter().filter(is_source).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn source() -> PathBuf {
    root().join("src")
}

/// The source directories of every crate in the workspace, the exporter's first.
fn sources() -> Vec<PathBuf> {
    let crates = fs::read_dir(root().join("crates")).expect("crates/ can be listed");
    let crates = crates.map(|entry| entry.expect("crates/ can be listed").path().join("src"));
    let mut all = vec![source(), root().join("xtask/src")];
    all.extend(crates);
    all
}

/// The top-level module that a file belongs to.
fn module_of(file: &Path) -> String {
    let relative = file.strip_prefix(source()).expect("the file is below src");
    let first = relative.iter().next().and_then(|part| part.to_str());
    first.unwrap_or_default().trim_end_matches(".rs").to_owned()
}

/// The names that follow `crate::` in a source file.
fn imported(text: &str) -> impl Iterator<Item = &str> {
    text.split("crate::").skip(1).filter_map(|rest| {
        rest.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
            .next()
            .filter(|name| !name.is_empty())
    })
}

/// The modules that `mongodb` may import.
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
fn modules_import_only_lower_layers() {
    for file in source_files(&source()) {
        let module = module_of(&file);
        let text = fs::read_to_string(&file).expect("the file can be read");
        for (_, forbidden) in FORBIDDEN.iter().filter(|(name, _)| *name == module) {
            for name in imported(&text) {
                let is_allowed = forbidden.iter().all(|names| !names.contains(&name));
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
fn import_graph_has_no_circles() {
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
                    // A module may import its submodules and its parents.
                    let is_related = used.starts_with(module) || module.starts_with(used);
                    (!is_related).then_some(used)
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
fn collector_definitions_import_std_and_catalogue_only() {
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
            let is_pure = ["std", "super"].contains(&first)
                || path.starts_with("crate::catalogue::")
                || path.starts_with("crate::collectors::");
            assert!(is_pure, "{} imports `{path}`", file.display());
        }
    }
}

/// The constant of a file, or the literal itself.
fn text_of<'a>(argument: &'a str, file: &'a str) -> &'a str {
    let literal = match argument.strip_prefix('"') {
        Some(literal) => Some(literal),
        None => file
            .split_once(&format!("const {argument}: &str = \""))
            .map(|(_, literal)| literal),
    };
    literal
        .and_then(|literal| literal.split_once('"'))
        .map_or(argument, |(text, _)| text)
}

#[test]
fn collections_that_are_counted_by_metadata_are_compared_with_it() {
    // Those of features that need a license.
    const LICENSED: [&str; 4] = [
        "rocketchat_canned_response",
        "rocketchat_livechat_priority",
        "rocketchat_livechat_tag",
        "rocketchat_omnichannel_service_level_agreements",
    ];
    // Versions before 3.2 only.
    const OLD: [&str; 1] = ["_raix_push_notifications"];
    let folder = source().join("collectors");
    let list = fs::read_to_string(folder.join("collections/mod.rs")).expect("the file can be read");
    let (_, list) = list
        .split_once("COUNTED_COLLECTIONS: ")
        .expect("there is the list");
    let (list, _) = list.split_once("];").expect("the list ends");
    let listed: BTreeSet<&str> = list.split('"').skip(1).step_by(2).collect();
    let texts: Vec<String> = source_files(&folder)
        .iter()
        .map(|file| fs::read_to_string(file).expect("the file can be read"))
        .collect();
    let counted: BTreeSet<&str> = texts
        .iter()
        .flat_map(|text| {
            let calls = text.split(".document_count(").skip(1);
            calls.map(|call| text_of(call.split(')').next().unwrap_or(call), text))
        })
        .filter(|name| !LICENSED.contains(name) && !OLD.contains(name))
        .collect();
    assert_eq!(counted, listed);
}

#[test]
fn every_collector_folder_is_in_the_list() {
    let folder = source().join("collectors");
    let folders: BTreeSet<String> = fs::read_dir(&folder)
        .expect("the directory can be listed")
        .map(|entry| entry.expect("the directory can be listed").path())
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
fn configured_files_are_read_by_one_function() {
    // `backfill` opens only files that it has written, and `fuzzing` only the seeds in this repository.
    let exempt = ["small_file.rs", "commands/backfill", "fuzzing.rs"];
    for file in source_files(&source()) {
        let relative = file.strip_prefix(source()).expect("the file is below src");
        if exempt.iter().any(|path| relative.starts_with(path)) {
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
fn every_file_has_a_module_comment() {
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
        // Module-level types are not indented; associated types are.
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
fn no_comment_contains_a_doc_test() {
    // Cargo.toml disables doc tests, so an example would never be compiled.
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
