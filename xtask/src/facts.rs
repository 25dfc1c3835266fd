//! `cargo xtask facts`: what the types that Rocket.Chat publishes on npm have, and the catalogue has not.

mod comparison;
mod types;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use tools::command::output_of;
use tools::workspace_root;

use comparison::{Catalogue, Difference, Explanation, Release, Side};

/// The package with the types.
const PACKAGE: &str = "@rocket.chat/core-typings";

/// The file in it that declares the statistics document.
const TYPES: &str = "package/dist/IStats.d.ts";

/// Differences that are known.
const EXPLAINED: &str = "tests/facts/explained.tsv";

/// Downloads the types of a release, `latest` or a number, and prints how they differ from the catalogue.
#[expect(clippy::print_stdout, reason = "this is the output of a command")]
pub(crate) fn run(release: &str) -> Result<()> {
    let root = workspace_root();
    let published = download(&root.join("target/facts"), "npm", release)?;
    let read = |file: &str| {
        fs::read_to_string(root.join(file)).with_context(|| format!("cannot read `{file}`"))
    };
    let catalogue = Catalogue::of_reference(&read("docs/statistics.md")?)?;
    let explanations = Explanation::all(&read(EXPLAINED)?)
        .with_context(|| format!("cannot understand `{EXPLAINED}`"))?;
    print!("{}", report(&published, &catalogue, &explanations)?);
    Ok(())
}

/// A release of the types.
struct Published {
    release: String,
    types: String,
}

/// Downloads the types with the registry and the proxy that npm is configured for.
fn download(folder: &Path, npm: &str, release: &str) -> Result<Published> {
    if folder.exists() {
        fs::remove_dir_all(folder)
            .with_context(|| format!("cannot empty `{}`", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    let package = format!("{PACKAGE}@{release}");
    let packed = output_of(
        Command::new(npm)
            .args(["pack", &package, "--loglevel=error", "--pack-destination"])
            .arg(folder),
    )
    .with_context(|| {
        format!(
            "cannot download {package}; this needs npm (Debian: apt install npm) and its registry (npm config get registry), and a release that is published there (npm view {PACKAGE} versions)"
        )
    })?;
    let file = packed.trim();
    let release = file
        .strip_prefix("rocket.chat-core-typings-")
        .and_then(|rest| rest.strip_suffix(".tgz"))
        .with_context(|| format!("npm packed `{file}`, whose name has no release"))?;
    let types = output_of(
        Command::new("tar")
            .args(["--extract", "--to-stdout", "--file"])
            .arg(folder.join(file))
            .arg(TYPES),
    )
    .with_context(|| format!("{PACKAGE} {release} has no `{TYPES}` that tar can read"))?;
    Ok(Published {
        release: release.to_owned(),
        types,
    })
}

/// The text that the command prints.
fn report(
    published: &Published,
    catalogue: &Catalogue,
    explanations: &[Explanation],
) -> Result<String> {
    let name = format!("{PACKAGE} {}", published.release);
    let release: Release = published.release.parse()?;
    let declared = types::members(&published.types)
        .with_context(|| format!("cannot understand `{TYPES}` of {name}"))?;
    let (explained, unexplained): (BTreeSet<_>, BTreeSet<_>) = catalogue
        .differences(release, &declared)
        .into_iter()
        .partition(|difference| {
            explanations
                .iter()
                .any(|explanation| explanation.explains(difference, release))
        });
    let mut text = format!(
        "{name} declares {} members of the statistics document.\n",
        declared.len()
    );
    for (side, title) in [
        (Side::Declared, "Members that the catalogue does not have"),
        (
            Side::Catalogue,
            "Fields of the catalogue that it does not declare",
        ),
    ] {
        list(&mut text, title, &unexplained, side);
    }
    writeln!(
        text,
        "Differences explained in {EXPLAINED}: {}.",
        explained.len()
    )?;
    Ok(text)
}

fn list(text: &mut String, title: &str, differences: &BTreeSet<Difference>, side: Side) {
    let members: Vec<&str> = differences
        .iter()
        .filter(|difference| difference.side == side)
        .map(|difference| difference.member.as_str())
        .collect();
    text.push_str(title);
    if members.is_empty() {
        text.push_str(": none.\n");
        return;
    }
    text.push_str(":\n");
    for member in members {
        text.push_str("  ");
        text.push_str(member);
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPES_OF_TESTS: &str = include_str!("../../tests/facts/IStats.d.ts");

    fn declared_members() -> BTreeSet<String> {
        types::members(TYPES_OF_TESTS).expect("the file has the layout of the published types")
    }

    #[test]
    fn members_of_published_types_are_found() {
        let members = declared_members();
        assert_eq!(
            members.iter().map(String::as_str).collect::<Vec<_>>(),
            [
                "fips",
                "gates.keepers",
                "gates.lengths",
                "gates.north.open",
                "notes",
                "pears.ripe",
                "pears.sorts",
                "planted",
                "prices",
                "totalTrees",
                "visits",
            ]
        );
    }

    #[test]
    fn report_names_what_the_catalogue_lacks() {
        let mut known = declared_members();
        known.retain(|member| member != "fips" && member != "gates.north.open");
        known.insert("totalUsers".to_owned());
        let mut reference = String::new();
        for member in known {
            writeln!(reference, "| `{member}` | 1.0.0 and later | |").expect("it is a string");
        }
        let catalogue = Catalogue::of_reference(&reference).expect("it has fields");
        let explained = "member\tside\treleases\treason\n\
                         gates.north\tdeclared\t8.0.0 and later\tgone\n";
        let explanations = Explanation::all(explained).expect("the row is complete");
        let published = Published {
            release: "8.8.1".to_owned(),
            types: TYPES_OF_TESTS.to_owned(),
        };
        assert_eq!(
            report(&published, &catalogue, &explanations).expect("it can be read"),
            "@rocket.chat/core-typings 8.8.1 declares 11 members of the statistics document.\n\
             Members that the catalogue does not have:\n  fips\n\
             Fields of the catalogue that it does not declare:\n  totalUsers\n\
             Differences explained in tests/facts/explained.tsv: 1.\n"
        );
    }

    #[test]
    fn failed_download_says_what_it_needs() {
        let folder = std::env::temp_dir().join(format!("facts-{}", std::process::id()));
        let error = download(&folder, "npm-that-is-not-installed", "9.0.0").err();
        fs::remove_dir_all(&folder).expect("it was made");
        let text = format!("{:#}", error.expect("there is no such program"));
        for part in [
            "cannot download @rocket.chat/core-typings@9.0.0",
            "apt install npm",
            "npm config get registry",
            "cannot run `npm-that-is-not-installed pack",
        ] {
            assert!(text.contains(part), "{part} is not in: {text}");
        }
    }
}
