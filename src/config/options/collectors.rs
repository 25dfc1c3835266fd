//! `collector.*`: `--collector.profile`, and `--collector.NAME`, `--no-collector.NAME` and `--collector.disable-defaults`,
//! derived from the list of collectors.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use clap::builder::{BoolishValueParser, EnumValueParser};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, ValueEnum};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::collectors::{Collector, CollectorProfile, ExposedMetrics};

const DISABLE_DEFAULTS: &str = "disable-defaults";
const PROFILE: &str = "profile";

/// `--collector.profile`.
#[derive(Debug, Clone, Copy, PartialEq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProfileArgument {
    /// What the fleet dashboard and the critical alerts need: at most 70 series for each workspace.
    Minimal,
    /// The collectors that are on by default: all of them.
    Default,
    /// Every collector, also one that a later version turns off by default.
    Full,
}

impl From<ProfileArgument> for CollectorProfile {
    fn from(argument: ProfileArgument) -> Self {
        match argument {
            ProfileArgument::Minimal => Self::Minimal,
            ProfileArgument::Default => Self::Default,
            ProfileArgument::Full => Self::Full,
        }
    }
}

/// The collectors that one source enables or disables.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CollectorOptions {
    /// Whether collectors without a switch are disabled.
    disable_defaults: Option<bool>,
    profile: Option<ProfileArgument>,
    switches: BTreeMap<Collector, bool>,
}

impl CollectorOptions {
    /// These switches, completed with those of `fallback`.
    pub fn or(self, mut fallback: Self) -> Self {
        fallback.switches.extend(self.switches);
        Self {
            disable_defaults: self.disable_defaults.or(fallback.disable_defaults),
            profile: self.profile.or(fallback.profile),
            switches: fallback.switches,
        }
    }

    /// Whether a collector is enabled by its own switch.
    pub fn is_switched_on(&self, collector: Collector) -> bool {
        self.switches.get(&collector) == Some(&true)
    }

    /// The enabled collectors.
    pub fn enabled(&self) -> BTreeSet<Collector> {
        let are_defaults_on = !self.disable_defaults.unwrap_or(false);
        let profile = self.profile();
        let is_enabled = |collector: &Collector| {
            let switch = self.switches.get(collector).copied();
            switch.unwrap_or(are_defaults_on && profile.contains(*collector))
        };
        Collector::ALL.into_iter().filter(is_enabled).collect()
    }

    /// The metrics that are exposed.
    pub fn exposed(&self) -> ExposedMetrics {
        match self.profile() {
            CollectorProfile::Default | CollectorProfile::Full => ExposedMetrics::All,
            CollectorProfile::Minimal => ExposedMetrics::Minimal {
                except: Collector::ALL
                    .into_iter()
                    .filter(|collector| self.is_switched_on(*collector))
                    .collect(),
            },
        }
    }

    fn profile(&self) -> CollectorProfile {
        self.profile
            .map_or_else(CollectorProfile::default, Into::into)
    }
}

fn enable_flag(collector: Collector) -> String {
    format!("collector.{}", collector.name())
}

fn disable_flag(collector: Collector) -> String {
    format!("no-collector.{}", collector.name())
}

impl Args for CollectorOptions {
    fn augment_args(command: Command) -> Command {
        let disable = format!("collector.{DISABLE_DEFAULTS}");
        let profile = format!("collector.{PROFILE}");
        let command = command.arg(
            Arg::new(profile.clone())
                .long(profile)
                .value_name("PROFILE")
                .value_parser(EnumValueParser::<ProfileArgument>::new())
                .help("Which collectors are enabled; --collector.NAME and --no-collector.NAME take precedence. [default: default]"),
        );
        let mut command = command.arg(
            switch(&disable)
                .help("Disable all collectors that no --collector.NAME enables. [default: false]"),
        );
        for collector in Collector::ALL {
            let (on, off) = (enable_flag(collector), disable_flag(collector));
            command = command
                .arg(
                    switch(&on)
                        .overrides_with(off.clone())
                        .help(format!(
                            "Enable the collector `{1}` of the {0} tier; --no-collector.{1} disables it. [default: true]",
                            collector.tier().name(),
                            collector.name()
                        )),
                )
                .arg(
                    Arg::new(off.clone())
                        .long(off)
                        .action(ArgAction::SetTrue)
                        .overrides_with(on)
                        .hide(true),
                );
        }
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// A flag that is given alone, or with `=true` or `=false`.
fn switch(name: &str) -> Arg {
    Arg::new(name.to_owned())
        .long(name.to_owned())
        .num_args(0..=1)
        .require_equals(true)
        .default_missing_value("true")
        .value_name("BOOL")
        .hide_possible_values(true)
        .value_parser(BoolishValueParser::new())
}

impl FromArgMatches for CollectorOptions {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = |name: &str| matches.get_one::<bool>(name).copied();
        let mut switches = BTreeMap::new();
        for collector in Collector::ALL {
            let off = disable_flag(collector);
            let is_off = matches.value_source(&off) == Some(ValueSource::CommandLine)
                && given(&off) == Some(true);
            if is_off {
                switches.insert(collector, false);
            } else if let Some(is_on) = given(&enable_flag(collector)) {
                switches.insert(collector, is_on);
            }
        }
        Ok(Self {
            disable_defaults: given(&format!("collector.{DISABLE_DEFAULTS}")),
            profile: matches.get_one(&format!("collector.{PROFILE}")).copied(),
            switches,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl<'de> Deserialize<'de> for CollectorOptions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(SwitchesVisitor)
    }
}

struct SwitchesVisitor;

impl<'de> Visitor<'de> for SwitchesVisitor {
    type Value = CollectorOptions;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a profile, and collectors, each with true or false")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<CollectorOptions, A::Error> {
        let mut options = CollectorOptions::default();
        while let Some(name) = map.next_key::<String>()? {
            if name == PROFILE {
                options.profile = Some(map.next_value()?);
                continue;
            }
            let is_on = map.next_value()?;
            if name == DISABLE_DEFAULTS {
                options.disable_defaults = Some(is_on);
                continue;
            }
            let collector = Collector::named(&name).ok_or_else(|| {
                let names = Collector::ALL.map(Collector::name).join(", ");
                A::Error::custom(format!(
                    "there is no collector `{name}`; there are {PROFILE}, {DISABLE_DEFAULTS}, {names}"
                ))
            })?;
            options.switches.insert(collector, is_on);
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enabled(arguments: &[&str]) -> BTreeSet<Collector> {
        let command = CollectorOptions::augment_args(Command::new("x").no_binary_name(true));
        let matches = command
            .try_get_matches_from(arguments)
            .expect("the flags are known");
        CollectorOptions::from_arg_matches(&matches)
            .expect("the flags are valid")
            .enabled()
    }

    #[test]
    fn last_switch_of_a_collector_wins() {
        assert_eq!(enabled(&[]), Collector::ALL.into());
        assert!(!enabled(&["--no-collector.users"]).contains(&Collector::Users));
        assert!(!enabled(&["--collector.users=false"]).contains(&Collector::Users));
        assert!(
            enabled(&["--no-collector.users", "--collector.users"]).contains(&Collector::Users)
        );
        assert!(
            !enabled(&["--collector.users", "--no-collector.users"]).contains(&Collector::Users)
        );
    }

    #[test]
    fn disable_defaults_leaves_enabled_collectors() {
        assert_eq!(
            enabled(&["--collector.disable-defaults", "--collector.presence"]),
            [Collector::Presence].into()
        );
    }
    #[test]
    fn switch_wins_over_the_profile() {
        let minimal = enabled(&["--collector.profile=minimal"]);
        assert!(minimal.contains(&Collector::Instances));
        assert!(!minimal.contains(&Collector::Users) && !minimal.contains(&Collector::Host));
        let switched = [
            "--collector.users",
            "--no-collector.instances",
            "--collector.profile=minimal",
        ];
        let switched = enabled(&switched);
        assert!(switched.contains(&Collector::Users));
        assert!(!switched.contains(&Collector::Instances));
        assert_eq!(
            enabled(&["--collector.profile=full"]),
            Collector::ALL.into()
        );
    }
}
