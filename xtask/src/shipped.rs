//! The project's own files in a release archive and in the Debian package: documentation, rules, dashboards, units. Links
//! between pages lead to the places that the files have there, or to the web if a file is not in there.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};
use tools::workspace_root;

/// A file or folder of the project, and its place in an archive or a package; `None` leaves it out. The first entry that
/// matches a path counts.
pub(crate) type Places = &'static [(&'static str, Option<&'static str>)];

/// Copies the files that have a place to that place below `root`.
pub(crate) fn copy(places: Places, root: &Path) -> Result<()> {
    for (source, place) in places {
        if place.is_some() {
            copy_below(source, places, root)?;
        }
    }
    Ok(())
}

fn copy_below(source: &str, places: Places, root: &Path) -> Result<()> {
    let path = workspace_root().join(source);
    if path.is_dir() {
        let entries =
            fs::read_dir(&path).with_context(|| format!("cannot list `{}`", path.display()))?;
        for entry in entries {
            let name = entry?.file_name();
            copy_below(
                &format!("{source}/{}", name.to_string_lossy()),
                places,
                root,
            )?;
        }
        return Ok(());
    }
    let Some(place) = place_of(source, places) else {
        return Ok(());
    };
    let mut content =
        fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
    if path.extension().is_some_and(|extension| extension == "md") {
        let page = String::from_utf8(content)
            .with_context(|| format!("`{}` is not UTF-8", path.display()))?;
        content = with_links(&page, source, &place, places).into_bytes();
    }
    write(&root.join(place), &content)
}

/// Creates a folder, or removes the files in it.
pub(crate) fn empty(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot empty `{}`", folder.display()))
        }
        _ => fs::create_dir_all(folder)
            .with_context(|| format!("cannot create `{}`", folder.display())),
    }
}

/// Writes a file, and creates its folder.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<()> {
    let write = || {
        fs::create_dir_all(path.parent().unwrap_or(path))?;
        fs::write(path, content)
    };
    write().with_context(|| format!("cannot write `{}`", path.display()))
}

/// The place of a file or folder of the project.
fn place_of(source: &str, places: Places) -> Option<String> {
    let (prefix, rest) = places.iter().find_map(|(prefix, place)| {
        let rest = source.strip_prefix(prefix)?;
        (rest.is_empty() || rest.starts_with('/')).then_some((*place, rest))
    })?;
    prefix.map(|prefix| format!("{prefix}{rest}"))
}

/// What stands before and after the target of a link.
const LINKS: [(&str, char); 3] = [("](", ')'), ("src=\"", '"'), ("href=\"", '"')];

/// A page with the links that it needs at its place.
fn with_links(page: &str, source: &str, place: &str, places: Places) -> String {
    let mut text = page.to_owned();
    for (start, end) in LINKS {
        let mut parts = text.split(start);
        let mut linked = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            linked.push_str(start);
            match part.split_once(end) {
                Some((target, rest)) => {
                    linked.push_str(&link(target, source, place, places));
                    linked.push(end);
                    linked.push_str(rest);
                }
                None => linked.push_str(part),
            }
        }
        text = linked;
    }
    text
}

/// The target of a link. Targets that are no file of the project stay.
fn link(target: &str, source: &str, place: &str, places: Places) -> String {
    let (file, anchor) = match target.split_once('#') {
        Some((file, anchor)) => (file, format!("#{anchor}")),
        None => (target, String::new()),
    };
    let linked = resolved(folder_of(source), file);
    if file.is_empty() || !workspace_root().join(&linked).exists() {
        return target.to_owned();
    }
    let new = place_of(&linked, places).map_or_else(
        || on_the_web(&linked),
        |linked| relative(folder_of(place), &linked),
    );
    new + &anchor
}

/// A file of this version on the web.
fn on_the_web(file: &str) -> String {
    let repository = env!("CARGO_PKG_REPOSITORY");
    let version = env!("CARGO_PKG_VERSION");
    format!("{repository}/blob/v{version}/{file}")
}

/// The folder of a file, without the slash at its end.
fn folder_of(file: &str) -> &str {
    file.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The path of a relative link in a page of this folder.
fn resolved(folder: &str, link: &str) -> String {
    let mut names: Vec<&str> = folder.split('/').filter(|name| !name.is_empty()).collect();
    for name in link.split('/') {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    names.join("/")
}

/// The link from a folder to a file.
fn relative(folder: &str, file: &str) -> String {
    let from: Vec<&str> = folder.split('/').filter(|name| !name.is_empty()).collect();
    let to: Vec<&str> = file.split('/').collect();
    let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = from[common..].iter().map(|_| "..");
    up.chain(to[common..].iter().copied())
        .collect::<Vec<_>>()
        .join("/")
}

/// A folder for a test, which is removed at its end.
#[cfg(test)]
pub(crate) struct TemporaryFolder {
    pub(crate) path: std::path::PathBuf,
}

#[cfg(test)]
impl TemporaryFolder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
        empty(&path).expect("the folder can be made");
        Self { path }
    }
}

#[cfg(test)]
impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.path));
    }
}

/// The links of all pages in a folder that lead to no file. Fails if there are no links.
#[cfg(test)]
pub(crate) fn broken_links(folder: &Path) -> Vec<String> {
    let mut broken = Vec::new();
    let mut followed = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder can be listed") {
            let path = entry.expect("the folder can be listed").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.extension().is_none_or(|extension| extension != "md") {
                continue;
            }
            let page = fs::read_to_string(&path).expect("the page can be read");
            for target in page
                .split("](")
                .skip(1)
                .filter_map(|rest| rest.split(')').next())
            {
                let file = target.split('#').next().unwrap_or_default();
                if file.is_empty() || file.contains("://") {
                    continue;
                }
                followed += 1;
                if !folder.join(file).exists() {
                    broken.push(format!("{}: {target}", path.display()));
                }
            }
        }
    }
    assert!(followed > 50, "{followed} links in {}", folder.display());
    broken
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACES: Places = &[
        ("README.md", Some("doc/README.md")),
        ("docs/runbooks", Some("share/runbooks")),
        ("docs", Some("doc/docs")),
        ("dashboards/source", None),
        ("dashboards", Some("share/dashboards")),
    ];

    #[test]
    fn links_lead_to_the_new_places() {
        let page =
            "[a](runbooks/README.md#x) [b](../README.md) ![c](../dashboards) [d](metrics.md)";
        assert_eq!(
            with_links(page, "docs/check.md", "doc/docs/check.md", PLACES),
            "[a](../../share/runbooks/README.md#x) [b](../README.md) ![c](../../share/dashboards) [d](metrics.md)"
        );
    }

    #[test]
    fn links_to_files_that_are_left_out_lead_to_the_web() {
        let page = "<a href=\"dashboards/source\"> [b](Cargo.toml)";
        let version = env!("CARGO_PKG_VERSION");
        let web =
            format!("https://github.com/rocketchat-exporter/rocketchat-exporter/blob/v{version}");
        assert_eq!(
            with_links(page, "README.md", "doc/README.md", PLACES),
            format!("<a href=\"{web}/dashboards/source\"> [b]({web}/Cargo.toml)")
        );
    }

    #[test]
    fn links_to_anchors_and_sites_stay() {
        let page = "[a](#x) [b](https://example.com/README.md) `list[0](README)`";
        assert_eq!(with_links(page, "README.md", "doc/README.md", PLACES), page);
    }
}
