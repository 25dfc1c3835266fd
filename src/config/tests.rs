//! Every numeric setting has bounds: all flags are checked, and the keys of the file with the same names.

use clap::error::ErrorKind;
use clap::{Arg, Args, Command};

use super::options::WorkspaceOptions;
use super::parse_file;
use crate::cli::Cli;

/// Numeric settings, by the names of their values, and invalid values of each.
const QUANTITIES: [(&str, &[&str]); 5] = [
    (
        "DURATION",
        &[
            "",
            "soon",
            "1",
            "0s",
            "1ns",
            "-1s",
            "NaN",
            "inf",
            "9000000000000000000s",
            "9223372036854775807h",
        ],
    ),
    (
        "NUMBER",
        &[
            "",
            "many",
            "-1",
            "1.5",
            "1e3",
            "NaN",
            "inf",
            "4294967295",
            "4294967296",
            "18446744073709551616",
        ],
    ),
    (
        "RATIO",
        &[
            "", "0", "-0.5", "5e-324", "1e-300", "1.0001", "1e308", "NaN", "inf", "-inf",
        ],
    ),
    (
        "INSTANT",
        &[
            "",
            "now",
            "-009999-01-02T01:59:59Z",
            "1999-12-31T23:59:59.999Z",
            "2100-01-01T00:00:00.001Z",
            "9999-12-30T22:00:00.999Z",
        ],
    ),
    (
        "DATE",
        &[
            "",
            "today",
            "-009999-01-02",
            "1969-12-31",
            "9999-12-30",
            "9999-12-31T23:59:59Z",
        ],
    ),
];

/// The names of other values: strings, paths and words.
const OTHERS: [&str; 19] = [
    "ADDRESS",
    "BOOL",
    "DIR",
    "FILE",
    "FORMAT",
    "LEVEL",
    "MODE",
    "MODULES",
    "NAME",
    "NAME=VALUE",
    "ORDINAL",
    "PATH",
    "PROFILE",
    "SHAPE",
    "SHELL",
    "URI",
    "URL",
    "VERSION",
    "ZONE",
];

/// The name of a flag's value; `None` if it takes none.
fn value_name(argument: &Arg) -> Option<&str> {
    let takes_value = argument.get_action().takes_values();
    let names = argument.get_value_names().unwrap_or_default();
    takes_value.then(|| names.first().map_or("", |name| name.as_str()))
}

/// The error for a value on the command line; `None` if it is accepted.
fn error_for(subcommand: Option<&str>, flag: &str, value: &str) -> Option<String> {
    let value = format!("--{flag}={value}");
    let arguments = ["rocketchat-exporter"].into_iter().chain(subcommand);
    let parsed = Cli::full_command().try_get_matches_from(arguments.chain([&*value]));
    // Other flags may be missing.
    let error = parsed.err()?;
    (error.kind() == ErrorKind::ValueValidation).then(|| error.to_string())
}

/// `from A to B` in a message, and A and B.
fn bounds(text: &str) -> Option<(&str, &str, &str)> {
    let (_, expected) = text.split_once("expected ")?;
    let start = expected.find("from ")?;
    let (range, _) = expected[start..].split_once(", such as ")?;
    let (min, max) = range.strip_prefix("from ")?.split_once(" to ")?;
    Some((range, min, max))
}

fn check(subcommand: Option<&str>, argument: &Arg) {
    let flag = argument.get_long().unwrap_or_default();
    let Some(name) = value_name(argument) else {
        return;
    };
    let Some((_, hostile)) = QUANTITIES.iter().find(|(quantity, _)| *quantity == name) else {
        assert!(
            OTHERS.contains(&name),
            "--{flag} takes {name}, which has neither bounds nor a place among the others"
        );
        return;
    };
    for value in *hostile {
        let message = error_for(subcommand, flag, value);
        let message = message.unwrap_or_else(|| panic!("--{flag} takes `{value}`"));
        assert!(message.contains(&format!("'{value}'")), "{message}");
        let (range, min, max) =
            bounds(&message).unwrap_or_else(|| panic!("no bounds in the message: {message}"));
        for end in [min, max] {
            let suffix = if name == "INSTANT" { "T00:00:00Z" } else { "" };
            assert_eq!(error_for(subcommand, flag, &format!("{end}{suffix}")), None);
        }
        let help = argument.get_long_help().or(argument.get_help());
        let help = help.map(ToString::to_string).unwrap_or_default();
        let help: Vec<_> = help.split_whitespace().collect();
        assert!(
            help.join(" ").contains(range),
            "the help of --{flag} does not say `{range}`"
        );
    }
}

#[test]
fn help_and_errors_name_the_bounds_of_every_flag() {
    let command = Cli::full_command();
    for argument in command.get_arguments() {
        check(None, argument);
    }
    for subcommand in command.get_subcommands() {
        for argument in subcommand.get_arguments() {
            check(Some(subcommand.get_name()), argument);
        }
    }
}

#[test]
fn keys_of_the_file_have_the_bounds_of_their_flags() {
    let command = WorkspaceOptions::augment_args(Command::new("x"));
    let mut checked = 0;
    for argument in command.get_arguments() {
        let (flag, name) = (
            argument.get_long().unwrap_or_default(),
            value_name(argument),
        );
        let Some((_, hostile)) = QUANTITIES
            .iter()
            .find(|(quantity, _)| Some(*quantity) == name)
        else {
            continue;
        };
        let (section, key) = flag
            .split_once('.')
            .expect("a quantity belongs to a section");
        for value in *hostile {
            let message = error_for(None, flag, value).expect("the flag has bounds");
            let (range, ..) = bounds(&message).expect("the message names the bounds");
            let setting = format!("{section}: {{{key}: '{value}'}}");
            for text in [
                setting.clone(),
                setting.replace('\'', ""),
                format!("workspaces: {{a: {{{setting}}}}}"),
            ] {
                let message = parse_file(text.as_bytes()).map_err(|error| error.to_string());
                let message = message.expect_err("the value is refused");
                let is_reported =
                    message.contains(range) && message.contains(&format!("`{value}`"));
                // A value left out is null, which no key takes.
                assert!(is_reported || value.is_empty(), "{text}: {message}");
            }
            checked += 1;
        }
    }
    assert!(checked >= 7 * 10, "{checked}");
}

#[test]
fn message_quotes_only_the_beginning_of_a_long_value() {
    let text = format!("mongodb: {{query-timeout: {}}}", "9".repeat(100_000));
    let message = parse_file(text.as_bytes()).map_err(|error| error.to_string());
    assert!(message.expect_err("it is refused").len() < 500);
}
