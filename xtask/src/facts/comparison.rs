//! The catalogue's document fields beside the members of published types.

use std::collections::BTreeSet;
use std::str::FromStr;

use anyhow::{Context, Error, Result, bail};

/// A release of Rocket.Chat; a suffix such as `-rc.1` counts as the release it leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Release([u16; 3]);

impl FromStr for Release {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let numbers: Vec<u16> = text
            .split('-')
            .next()
            .unwrap_or(text)
            .split('.')
            .map(str::parse)
            .collect::<Result<_, _>>()
            .with_context(|| format!("`{text}` is not a release"))?;
        let numbers = <[u16; 3]>::try_from(numbers.as_slice());
        Ok(Self(
            numbers.with_context(|| format!("`{text}` is not a release"))?,
        ))
    }
}

/// A range of releases.
#[derive(Debug)]
struct Releases {
    first: Release,
    /// The first release after the range.
    end: Option<Release>,
}

impl Releases {
    fn contains(&self, release: Release) -> bool {
        self.first <= release && self.end.is_none_or(|end| release < end)
    }
}

impl FromStr for Releases {
    type Err = Error;

    /// Reads `8.0.0 and later` and `3.0.0 to before 8.0.0`.
    fn from_str(text: &str) -> Result<Self> {
        if let Some(first) = text.strip_suffix(" and later") {
            return Ok(Self {
                first: first.parse()?,
                end: None,
            });
        }
        let Some((first, end)) = text.split_once(" to before ") else {
            bail!("`{text}` is not a range of releases");
        };
        Ok(Self {
            first: first.parse()?,
            end: Some(end.parse()?),
        })
    }
}

/// The document fields of the catalogue.
#[derive(Debug)]
pub(crate) struct Catalogue(Vec<(String, Releases)>);

impl Catalogue {
    /// Reads the rows of `docs/statistics.md`, which a test keeps equal to the catalogue.
    pub(crate) fn of_reference(reference: &str) -> Result<Self> {
        let mut fields = Vec::new();
        for line in reference.lines() {
            let mut cells = line.split(" | ");
            let path = cells.next().and_then(|cell| {
                let path = cell.strip_prefix("| `")?.strip_suffix('`')?;
                (!path.starts_with("rocketchat_")).then_some(path)
            });
            let releases = cells.next().and_then(|cell| cell.parse().ok());
            if let Some((path, releases)) = path.zip(releases) {
                fields.push((path.to_owned(), releases));
            }
        }
        if fields.is_empty() {
            bail!("docs/statistics.md has no document field");
        }
        Ok(Self(fields))
    }

    fn paths(&self, release: Release) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(move |(_, releases)| releases.contains(release))
            .map(|(path, _)| path.as_str())
    }

    /// What the types of a release and the catalogue do not have in common.
    pub(crate) fn differences(
        &self,
        release: Release,
        declared: &BTreeSet<String>,
    ) -> BTreeSet<Difference> {
        let is_known = |member: &&String| {
            self.paths(release)
                .any(|path| is_at_or_below(path, member) || is_at_or_below(member, path))
        };
        let only_declared = declared
            .iter()
            .filter(|member| !is_known(member))
            .map(|member| Difference {
                side: Side::Declared,
                member: member.clone(),
            });
        let top_levels: BTreeSet<&str> = self.paths(release).map(top_level).collect();
        let only_catalogue = top_levels
            .into_iter()
            .filter(|member| !declared.iter().any(|path| is_at_or_below(path, member)))
            .map(|member| Difference {
                side: Side::Catalogue,
                member: member.to_owned(),
            });
        only_declared.chain(only_catalogue).collect()
    }
}

fn top_level(path: &str) -> &str {
    path.split('.').next().unwrap_or(path)
}

fn is_at_or_below(path: &str, outer: &str) -> bool {
    path.strip_prefix(outer)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Which side has a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    /// Only the types.
    Declared,
    /// Only the catalogue.
    Catalogue,
}

/// A member that only one side has: at any depth if it is declared, at the top level if it is in the catalogue.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Difference {
    pub(crate) side: Side,
    pub(crate) member: String,
}

/// Why a member is on one side only.
#[derive(Debug)]
pub(crate) struct Explanation {
    member: String,
    side: Side,
    releases: Releases,
}

impl Explanation {
    /// Reads `tests/facts/explained.tsv`.
    pub(crate) fn all(table: &str) -> Result<Vec<Self>> {
        let lines = table.lines().filter(|line| !line.starts_with('#'));
        lines.skip(1).map(Self::of_row).collect()
    }

    fn of_row(line: &str) -> Result<Self> {
        let cells: Vec<&str> = line.split('\t').collect();
        let [member, side, releases, reason] = cells[..] else {
            bail!("`{line}` has not four columns");
        };
        if reason.is_empty() {
            bail!("`{line}` has no reason");
        }
        Ok(Self {
            member: member.to_owned(),
            side: match side {
                "declared" => Side::Declared,
                "catalogue" => Side::Catalogue,
                other => bail!("`{other}` is neither declared nor catalogue"),
            },
            releases: releases.parse()?,
        })
    }

    /// Whether it is about a difference of a release.
    pub(crate) fn explains(&self, difference: &Difference, release: Release) -> bool {
        self.side == difference.side
            && self.releases.contains(release)
            && is_at_or_below(&difference.member, &self.member)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tools::workspace_root;

    use super::*;

    fn read(file: &str) -> String {
        fs::read_to_string(workspace_root().join(file)).expect("the file is checked in")
    }

    /// Each release of the published types, with the members that it declares.
    fn published() -> Vec<(Release, BTreeSet<String>)> {
        let table = read("tests/facts/published-fields.tsv");
        let mut rows = table
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.split('\t').collect::<Vec<_>>());
        let head = rows.next().expect("the table has a head");
        let mut releases: Vec<_> = head[1..]
            .iter()
            .map(|release| (release.parse().expect("it is one"), BTreeSet::new()))
            .collect();
        for row in rows {
            for ((_, members), cell) in releases.iter_mut().zip(&row[1..]) {
                match *cell {
                    "1" => drop(members.insert(row[0].to_owned())),
                    cell => assert_eq!(cell, "0", "{}", row[0]),
                }
            }
        }
        releases
    }

    fn known() -> (Catalogue, Vec<Explanation>) {
        let catalogue = Catalogue::of_reference(&read("docs/statistics.md"));
        let explanations = Explanation::all(&read("tests/facts/explained.tsv"));
        (
            catalogue.expect("it has fields"),
            explanations.expect("each row has its columns"),
        )
    }

    #[test]
    fn catalogue_has_the_members_that_nine_releases_declare() {
        let (catalogue, explanations) = known();
        let published = published();
        assert_eq!(published.len(), 9);
        for (release, declared) in published {
            assert!(declared.len() > 150, "{release:?}");
            let mut differences = catalogue.differences(release, &declared);
            differences.retain(|difference| {
                !explanations
                    .iter()
                    .any(|explanation| explanation.explains(difference, release))
            });
            assert!(differences.is_empty(), "{release:?}: {differences:#?}");
        }
    }

    #[test]
    fn each_explanation_holds_for_all_its_releases() {
        let (catalogue, explanations) = known();
        let published = published();
        for explanation in explanations {
            let mut releases = published
                .iter()
                .filter(|(release, _)| explanation.releases.contains(*release))
                .peekable();
            assert!(releases.peek().is_some(), "{explanation:?} holds for none");
            for (release, declared) in releases {
                let differences = catalogue.differences(*release, declared);
                let mut differences = differences.iter();
                assert!(
                    differences.any(|difference| explanation.explains(difference, *release)),
                    "{explanation:?} does not hold for {release:?}"
                );
            }
        }
    }

    #[test]
    fn differences_are_of_the_release() {
        let catalogue = Catalogue::of_reference(
            "| `os.type` | 0.51.0 and later | kernel |\n\
             | `gone` | 1.0.0 to before 8.0.0 | gone |\n\
             | `rocketchat_rooms` | 1.0.0 and later | a series |\n",
        );
        let catalogue = catalogue.expect("it has fields");
        let declared: BTreeSet<String> = ["os.type", "os.odd", "gone", "fips"]
            .map(str::to_owned)
            .into();
        let differences = |release: &str, declared| {
            let release = release.parse().expect("it is a release");
            let differences = catalogue.differences(release, declared);
            let text = differences
                .into_iter()
                .map(|difference| format!("{:?} {}", difference.side, difference.member));
            text.collect::<Vec<_>>()
        };
        assert_eq!(
            differences("7.10.0-rc.1", &declared),
            ["Declared fips", "Declared os.odd"]
        );
        assert_eq!(
            differences("8.0.0", &declared),
            ["Declared fips", "Declared gone", "Declared os.odd"]
        );
        assert_eq!(
            differences("7.10.0", &BTreeSet::new()),
            ["Catalogue gone", "Catalogue os"]
        );
    }
}
