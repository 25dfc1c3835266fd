//! The members of the statistics document in the types that Rocket.Chat publishes.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail, ensure};

/// How the interface begins.
const INTERFACE: &str = "export interface IStats ";

/// The paths of all members, with dots between nested ones. A member whose type is not written out is one path.
///
/// Reads the layout that TypeScript's compiler writes, with one member a line, and fails on a line of another kind.
pub(crate) fn members(types: &str) -> Result<BTreeSet<String>> {
    let mut lines = types.lines().zip(1..);
    lines
        .find(|(line, _)| line.starts_with(INTERFACE))
        .with_context(|| format!("no line begins with `{INTERFACE}`"))?;
    let mut members = BTreeSet::new();
    // The members that the line is within, each with whether one was found within it.
    let mut around: Vec<(String, bool)> = Vec::new();
    for (line, number) in lines {
        let line = line.trim();
        if line.is_empty() || ["//", "/*", "*"].iter().any(|mark| line.starts_with(mark)) {
            continue;
        }
        if line.starts_with('}') {
            let Some((path, has_members)) = around.pop() else {
                return Ok(members);
            };
            if !has_members {
                members.insert(path);
            }
            continue;
        }
        let (name, value) = line
            .split_once(':')
            .with_context(|| format!("line {number} is not a member: `{line}`"))?;
        if name.starts_with('[') {
            // An index signature: any name.
            continue;
        }
        let name = name.strip_suffix('?').unwrap_or(name);
        let name = name.strip_prefix("readonly ").unwrap_or(name);
        ensure!(is_name(name), "line {number} is not a member: `{line}`");
        let path = match around.last_mut() {
            Some((outer, has_members)) => {
                *has_members = true;
                format!("{outer}.{name}")
            }
            None => name.to_owned(),
        };
        if value.ends_with('{') {
            around.push((path, false));
        } else {
            ensure!(
                value.ends_with(';'),
                "the type of line {number} goes on in the next line: `{line}`"
            );
            members.insert(path);
        }
    }
    bail!("the interface does not end")
}

fn is_name(text: &str) -> bool {
    let is_part = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == '$';
    !text.is_empty() && text.chars().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_line_is_an_error_that_shows_it() {
        for (line, message) in [
            (
                "get uptime(): number;",
                "line 2 is not a member: `get uptime(): number;`",
            ),
            (
                "uptime: number |",
                "the type of line 2 goes on in the next line: `uptime: number |`",
            ),
            ("uptime", "line 2 is not a member: `uptime`"),
        ] {
            let types = format!("export interface IStats {{\n{line}\n}}\n");
            let error = members(&types).expect_err("it is none").to_string();
            assert_eq!(error, message);
        }
    }

    #[test]
    fn types_without_the_interface_are_an_error() {
        for (types, message) in [
            (
                "export interface IUser {\n}\n",
                "no line begins with `export interface IStats `",
            ),
            (
                "export interface IStats {\n    a: number;\n",
                "the interface does not end",
            ),
        ] {
            let error = members(types).expect_err("there is none").to_string();
            assert_eq!(error, message);
        }
    }
}
