//! The lowest version of Rocket.Chat that can run on a database, from its migration number.
//!
//! A release has all migrations up to a number, applies the missing ones at startup, and does not start on a database
//! with a greater number. So the number in the control document of `migrations` is a lower bound of the version.
//! Releases without a migration of their own cannot be distinguished: 5.1 to 5.4, 6.0 and 6.1, 6.5 to 6.14, 7.0 to 7.7,
//! all of 8.x, and some neighbours before 1.3.
//!
//! 335 was seen to be the last one of 8.0.0 to 8.6.1. Those after it were seen on the way to 9.0 only, up to 352: which of
//! them is the last one of 9.0.0, and whether a release of 8.7 to 8.9 has any, was not.

use super::version::{NamedVersion, Version};

/// Greatest migration numbers, each with the first release that has it.
#[rustfmt::skip]
const MIGRATIONS: &[(u64, Version)] = &[
    (24, v(0, 8, 0)), (25, v(0, 9, 0)), (26, v(0, 10, 0)), (27, v(0, 13, 0)), (28, v(0, 17, 0)), (29, v(0, 18, 0)),
    (30, v(0, 19, 0)), (33, v(0, 22, 0)), (34, v(0, 23, 0)), (35, v(0, 24, 0)), (37, v(0, 25, 0)), (42, v(0, 26, 0)),
    (43, v(0, 27, 0)), (46, v(0, 28, 0)), (50, v(0, 29, 0)), (53, v(0, 30, 0)), (54, v(0, 32, 0)), (55, v(0, 35, 0)),
    (56, v(0, 37, 0)), (57, v(0, 37, 1)), (58, v(0, 38, 0)), (61, v(0, 40, 0)), (63, v(0, 41, 0)), (64, v(0, 45, 0)),
    (68, v(0, 47, 0)), (69, v(0, 47, 1)), (71, v(0, 48, 0)), (79, v(0, 49, 0)), (80, v(0, 49, 3)), (81, v(0, 49, 4)),
    (82, v(0, 50, 1)), (85, v(0, 51, 0)), (88, v(0, 52, 0)), (89, v(0, 53, 0)), (90, v(0, 54, 0)), (91, v(0, 55, 0)),
    (93, v(0, 56, 0)), (98, v(0, 57, 0)), (99, v(0, 57, 1)), (103, v(0, 59, 0)), (104, v(0, 59, 1)), (105, v(0, 60, 0)),
    (106, v(0, 61, 0)), (107, v(0, 62, 0)), (109, v(0, 63, 0)), (115, v(0, 64, 0)), (119, v(0, 64, 2)), (121, v(0, 65, 0)),
    (128, v(0, 66, 0)), (129, v(0, 66, 1)), (130, v(0, 67, 0)), (131, v(0, 69, 0)), (134, v(0, 70, 0)), (135, v(0, 70, 1)),
    (136, v(0, 72, 0)), (137, v(0, 73, 2)), (143, v(1, 0, 0)), (144, v(1, 0, 3)), (146, v(1, 1, 0)), (147, v(1, 1, 1)),
    (149, v(1, 3, 0)), (156, v(2, 0, 0)), (161, v(2, 1, 0)), (166, v(2, 2, 0)), (168, v(2, 3, 0)), (169, v(2, 3, 1)),
    (170, v(2, 4, 0)), (173, v(3, 0, 0)), (174, v(3, 0, 1)), (178, v(3, 0, 7)), (182, v(3, 1, 0)), (184, v(3, 1, 1)),
    (188, v(3, 2, 0)), (191, v(3, 3, 0)), (197, v(3, 4, 0)), (201, v(3, 5, 0)), (202, v(3, 5, 1)), (205, v(3, 6, 0)),
    (206, v(3, 7, 0)), (209, v(3, 8, 0)), (211, v(3, 9, 0)), (212, v(3, 9, 2)), (213, v(3, 10, 4)), (215, v(3, 11, 0)),
    (218, v(3, 12, 0)), (220, v(3, 13, 0)), (222, v(3, 14, 0)), (225, v(3, 15, 0)), (226, v(3, 16, 0)), (228, v(3, 17, 0)),
    (231, v(3, 18, 0)), (232, v(3, 18, 1)), (240, v(4, 0, 0)), (242, v(4, 1, 0)), (243, v(4, 1, 2)), (249, v(4, 2, 0)),
    (252, v(4, 3, 0)), (253, v(4, 4, 0)), (254, v(4, 4, 1)), (256, v(4, 5, 0)), (258, v(4, 6, 0)), (261, v(4, 7, 0)),
    (262, v(4, 7, 1)), (265, v(4, 8, 0)), (279, v(5, 0, 0)), (281, v(5, 1, 0)), (292, v(6, 0, 0)), (294, v(6, 2, 0)),
    (301, v(6, 3, 0)), (303, v(6, 4, 0)), (304, v(6, 5, 0)), (318, v(7, 0, 0)), (319, v(7, 7, 2)), (335, v(8, 0, 0)),
    (352, v(9, 0, 0)),
];

const fn v(major: u16, minor: u16, patch: u16) -> Version {
    Version::new(major, minor, patch)
}

/// The first version that has a migration; `None` for one after the last known.
fn first_with(migration: u64) -> Option<Version> {
    MIGRATIONS
        .iter()
        .find(|(greatest, _)| migration <= *greatest)
        .map(|(_, version)| *version)
}

/// The version that a workspace runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningVersion {
    /// Its name, with a suffix such as `-rc.1`. Not always a valid version, because it can be that of a stored document.
    pub name: String,
    /// Whether the exporter does not know the release, because it is later than [`Version::NEWEST`] or its database has
    /// migrations after the last known.
    pub is_newer_than_known: bool,
}

impl RunningVersion {
    fn named(name: String) -> Self {
        let version: Option<Version> = name.parse().ok();
        Self {
            is_newer_than_known: version.is_some_and(Version::is_newer_than_known),
            name,
        }
    }
}

/// The version that Rocket.Chat reports itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedVersion {
    /// Its name; only the major and the minor number where the patch number is hidden.
    pub name: String,
    /// Whether the newest probe reported it, and not an earlier one.
    pub is_current: bool,
}

/// Whether a version belongs to an earlier release line than the first release that has a migration: such a server does
/// not start on the database.
pub fn is_older_than_migration(version: Version, migration: u64) -> bool {
    let first = first_with(migration).unwrap_or(Version::NEWEST);
    version.line() < first.line()
}

/// The running version: the configured one, else the one that Rocket.Chat reports, else that of the database.
///
/// A report without a patch number is completed by the database's version if that is of the same line. A report of an earlier
/// probe counts unless the database has a later version: Rocket.Chat was upgraded since.
pub fn running_version(
    configured: Option<&NamedVersion>,
    reported: Option<&ReportedVersion>,
    stored: Option<&str>,
    migration: Option<u64>,
) -> Option<RunningVersion> {
    if let Some(configured) = configured {
        return Some(RunningVersion::named(configured.name.clone()));
    }
    let of_database = version_of_database(stored, migration);
    let Some(reported) = reported else {
        return of_database;
    };
    let own: Option<Version> = reported.name.parse().ok();
    let other = of_database.and_then(|version| {
        let number: Version = version.name.parse().ok()?;
        Some((number, version))
    });
    match (own, other) {
        (Some(own), Some((number, version))) => {
            let has_patch = reported.name.matches('.').count() > 1;
            let is_completed = own.line() == number.line() && !has_patch;
            let is_outdated = !reported.is_current && own < number;
            Some(if is_completed || is_outdated {
                version
            } else {
                RunningVersion::named(reported.name.clone())
            })
        }
        _ => Some(RunningVersion::named(reported.name.clone())),
    }
}

/// The version of a database: that of the newest stored document, unless that is too old for the database's migrations;
/// then the first release that has them, or [`Version::NEWEST`] if no known release has.
///
/// The stored document can be a day old or older, also after an upgrade. The migrations are those of the release that
/// started last.
fn version_of_database(stored: Option<&str>, migration: Option<u64>) -> Option<RunningVersion> {
    if let Some(migration) = migration {
        let first = first_with(migration);
        let lower_bound = first.unwrap_or(Version::NEWEST);
        let known = stored.and_then(|text| text.parse::<Version>().ok());
        if known.is_none_or(|known| known < lower_bound) {
            return Some(RunningVersion {
                name: lower_bound.to_string(),
                is_newer_than_known: first.is_none(),
            });
        }
    }
    stored.map(|stored| RunningVersion::named(stored.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_and_versions_are_ascending() {
        for pair in MIGRATIONS.windows(2) {
            assert!(pair[0] < pair[1], "{pair:?}");
            assert!(pair[0].1 < pair[1].1, "{pair:?}");
        }
        assert!(
            MIGRATIONS
                .iter()
                .all(|(_, version)| *version <= Version::NEWEST)
        );
    }

    #[test]
    fn first_with_returns_the_first_release() {
        for (number, version) in [
            (0, Version::new(0, 8, 0)),
            (106, Version::new(0, 61, 0)),
            (191, Version::new(3, 3, 0)),
            (192, Version::new(3, 4, 0)),
            (197, Version::new(3, 4, 0)),
            (281, Version::new(5, 1, 0)),
            (304, Version::new(6, 5, 0)),
            (305, Version::new(7, 0, 0)),
            (335, Version::new(8, 0, 0)),
            (336, Version::new(9, 0, 0)),
            (352, Version::new(9, 0, 0)),
        ] {
            assert_eq!(first_with(number), Some(version), "{number}");
        }
        assert_eq!(first_with(353), None);
    }

    fn named(text: &str) -> NamedVersion {
        text.parse().expect("it is a version")
    }

    #[test]
    fn running_version_is_not_older_than_the_migrations() {
        let version = |stored, migration| running_version(None, None, stored, migration);
        let name = |stored, migration| Some(version(stored, migration)?.name);
        assert_eq!(name(None, None), None);
        assert_eq!(name(None, Some(197)).as_deref(), Some("3.4.0"));
        assert_eq!(name(Some("odd"), Some(197)).as_deref(), Some("3.4.0"));
        assert_eq!(name(Some("odd"), None).as_deref(), Some("odd"));
        let newer = name(Some("6.14.0-rc.1"), Some(304));
        assert_eq!(newer.as_deref(), Some("6.14.0-rc.1"));
        assert_eq!(name(Some("6.4.8"), Some(304)).as_deref(), Some("6.5.0"));
        assert_eq!(name(Some("8.6.1"), Some(335)).as_deref(), Some("8.6.1"));
        assert_eq!(name(Some("8.6.1"), Some(350)).as_deref(), Some("9.0.0"));
        let configured = named("3.0.0-rc.1");
        let configured = running_version(Some(&configured), None, Some("6.4.8"), Some(304));
        assert_eq!(configured.expect("it is configured").name, "3.0.0-rc.1");
    }

    #[test]
    fn release_is_newer_than_known_by_its_version_or_its_migrations() {
        for (stored, migration, is_newer) in [
            (Some("9.0.0"), 352, false),
            (Some("9.1.4"), 400, false),
            (Some("9.2.0-rc.1"), 400, true),
            (Some("9.0.0"), 353, true),
            (None, 353, true),
            (None, 352, false),
        ] {
            let version =
                running_version(None, None, stored, Some(migration)).expect("it is known");
            assert_eq!(
                version.is_newer_than_known, is_newer,
                "{stored:?}, {migration}"
            );
        }
        let configured = running_version(Some(&named("10.0.0")), None, None, None);
        assert!(configured.expect("it is configured").is_newer_than_known);
    }

    #[test]
    fn reported_version_counts_and_is_completed_by_the_database() {
        for (reported, is_current, stored, migration, expected) in [
            // The migrations of all of 8.x are those of 8.0.
            ("8.6", true, None, Some(335), "8.6"),
            ("8.6", true, Some("8.6.1"), Some(335), "8.6.1"),
            ("8.6", true, Some("8.4.2"), Some(335), "8.6"),
            ("8.6.3", true, Some("8.6.1"), Some(335), "8.6.3"),
            ("8.6", true, None, None, "8.6"),
            ("8.6", true, Some("odd"), None, "8.6"),
            // A current report counts whatever the database says.
            ("8.6", true, Some("9.0.0"), Some(352), "8.6"),
            // Rocket.Chat was upgraded while the probe failed.
            ("8.6", false, Some("9.0.0"), Some(352), "9.0.0"),
            ("8.6", false, Some("8.4.2"), Some(335), "8.6"),
        ] {
            let reported = ReportedVersion {
                name: reported.to_owned(),
                is_current,
            };
            let version = running_version(None, Some(&reported), stored, migration);
            assert_eq!(version.expect("it is known").name, expected, "{reported:?}");
            let configured = named("7.0.0");
            let version = running_version(Some(&configured), Some(&reported), stored, migration);
            assert_eq!(version.expect("it is configured").name, "7.0.0");
        }
    }

    #[test]
    fn server_of_an_earlier_line_does_not_have_the_migrations() {
        for (version, migration, is_older) in [
            (Version::new(8, 6, 0), 335, false),
            (Version::new(8, 6, 0), 352, true),
            (Version::new(9, 0, 0), 352, false),
            (Version::new(7, 7, 0), 319, false),
        ] {
            assert_eq!(
                is_older_than_migration(version, migration),
                is_older,
                "{version}, {migration}"
            );
        }
    }
}
