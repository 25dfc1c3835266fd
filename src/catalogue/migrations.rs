//! Which version of Rocket.Chat a database was migrated for: the last resort where nothing else tells it.
//!
//! A release carries every migration up to a number, applies what is missing when it starts, and refuses to start on a
//! database with a greater number. So the number in the control document is a lower bound of the version: no release
//! before the first that carries it can run on that database. Releases that add no migration cannot be told apart:
//! 5.1 to 5.4, 6.0 and 6.1, 6.5 to 6.14, 7.0 to 7.7 and all of 8.x look alike, and some neighbours before 1.3.

use super::version::Version;

/// The greatest migration of a release, and the first release that has it.
const MIGRATIONS: &[(u64, Version)] = &[
    (24, Version::new(0, 8, 0)),
    (25, Version::new(0, 9, 0)),
    (26, Version::new(0, 10, 0)),
    (27, Version::new(0, 13, 0)),
    (28, Version::new(0, 17, 0)),
    (29, Version::new(0, 18, 0)),
    (30, Version::new(0, 19, 0)),
    (33, Version::new(0, 22, 0)),
    (34, Version::new(0, 23, 0)),
    (35, Version::new(0, 24, 0)),
    (37, Version::new(0, 25, 0)),
    (42, Version::new(0, 26, 0)),
    (43, Version::new(0, 27, 0)),
    (46, Version::new(0, 28, 0)),
    (50, Version::new(0, 29, 0)),
    (53, Version::new(0, 30, 0)),
    (54, Version::new(0, 32, 0)),
    (55, Version::new(0, 35, 0)),
    (56, Version::new(0, 37, 0)),
    (57, Version::new(0, 37, 1)),
    (58, Version::new(0, 38, 0)),
    (61, Version::new(0, 40, 0)),
    (63, Version::new(0, 41, 0)),
    (64, Version::new(0, 45, 0)),
    (68, Version::new(0, 47, 0)),
    (69, Version::new(0, 47, 1)),
    (71, Version::new(0, 48, 0)),
    (79, Version::new(0, 49, 0)),
    (80, Version::new(0, 49, 3)),
    (81, Version::new(0, 49, 4)),
    (82, Version::new(0, 50, 1)),
    (85, Version::new(0, 51, 0)),
    (88, Version::new(0, 52, 0)),
    (89, Version::new(0, 53, 0)),
    (90, Version::new(0, 54, 0)),
    (91, Version::new(0, 55, 0)),
    (93, Version::new(0, 56, 0)),
    (98, Version::new(0, 57, 0)),
    (99, Version::new(0, 57, 1)),
    (103, Version::new(0, 59, 0)),
    (104, Version::new(0, 59, 1)),
    (105, Version::new(0, 60, 0)),
    (106, Version::new(0, 61, 0)),
    (107, Version::new(0, 62, 0)),
    (109, Version::new(0, 63, 0)),
    (115, Version::new(0, 64, 0)),
    (119, Version::new(0, 64, 2)),
    (121, Version::new(0, 65, 0)),
    (128, Version::new(0, 66, 0)),
    (129, Version::new(0, 66, 1)),
    (130, Version::new(0, 67, 0)),
    (131, Version::new(0, 69, 0)),
    (134, Version::new(0, 70, 0)),
    (135, Version::new(0, 70, 1)),
    (136, Version::new(0, 72, 0)),
    (137, Version::new(0, 73, 2)),
    (143, Version::new(1, 0, 0)),
    (144, Version::new(1, 0, 3)),
    (146, Version::new(1, 1, 0)),
    (147, Version::new(1, 1, 1)),
    (149, Version::new(1, 3, 0)),
    (156, Version::new(2, 0, 0)),
    (161, Version::new(2, 1, 0)),
    (166, Version::new(2, 2, 0)),
    (168, Version::new(2, 3, 0)),
    (169, Version::new(2, 3, 1)),
    (170, Version::new(2, 4, 0)),
    (173, Version::new(3, 0, 0)),
    (174, Version::new(3, 0, 1)),
    (178, Version::new(3, 0, 7)),
    (182, Version::new(3, 1, 0)),
    (184, Version::new(3, 1, 1)),
    (188, Version::new(3, 2, 0)),
    (191, Version::new(3, 3, 0)),
    (197, Version::new(3, 4, 0)),
    (201, Version::new(3, 5, 0)),
    (202, Version::new(3, 5, 1)),
    (205, Version::new(3, 6, 0)),
    (206, Version::new(3, 7, 0)),
    (209, Version::new(3, 8, 0)),
    (211, Version::new(3, 9, 0)),
    (212, Version::new(3, 9, 2)),
    (213, Version::new(3, 10, 4)),
    (215, Version::new(3, 11, 0)),
    (218, Version::new(3, 12, 0)),
    (220, Version::new(3, 13, 0)),
    (222, Version::new(3, 14, 0)),
    (225, Version::new(3, 15, 0)),
    (226, Version::new(3, 16, 0)),
    (228, Version::new(3, 17, 0)),
    (231, Version::new(3, 18, 0)),
    (232, Version::new(3, 18, 1)),
    (240, Version::new(4, 0, 0)),
    (242, Version::new(4, 1, 0)),
    (243, Version::new(4, 1, 2)),
    (249, Version::new(4, 2, 0)),
    (252, Version::new(4, 3, 0)),
    (253, Version::new(4, 4, 0)),
    (254, Version::new(4, 4, 1)),
    (256, Version::new(4, 5, 0)),
    (258, Version::new(4, 6, 0)),
    (261, Version::new(4, 7, 0)),
    (262, Version::new(4, 7, 1)),
    (265, Version::new(4, 8, 0)),
    (279, Version::new(5, 0, 0)),
    (281, Version::new(5, 1, 0)),
    (292, Version::new(6, 0, 0)),
    (294, Version::new(6, 2, 0)),
    (301, Version::new(6, 3, 0)),
    (303, Version::new(6, 4, 0)),
    (304, Version::new(6, 5, 0)),
    (318, Version::new(7, 0, 0)),
    (319, Version::new(7, 7, 2)),
    (335, Version::new(8, 0, 0)),
];

/// The first version that carries a migration; for a greater one than all that are known, the newest known version.
pub fn first_with(migration: u64) -> Version {
    MIGRATIONS
        .iter()
        .find(|(greatest, _)| migration <= *greatest)
        .map_or(Version::NEWEST, |(_, version)| *version)
}

/// The version that a workspace runs, as text: as configured, else as the newest stored document says, unless a release
/// as old as that could not run on the database; then the first that could.
///
/// The stored document may be a day old or older, and an upgrade does not always make a new one; the migrations of the
/// database are of the release that started last.
pub fn running_version(
    configured: Option<Version>,
    stored: Option<&str>,
    migration: Option<u64>,
) -> Option<String> {
    if let Some(configured) = configured {
        return Some(configured.to_string());
    }
    let known = stored.and_then(|text| text.parse::<Version>().ok());
    match migration.map(first_with) {
        Some(first) if known.is_none_or(|known| known < first) => Some(first.to_string()),
        _ => stored.map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_versions_rise_together() {
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
    fn a_number_leads_to_the_first_release_that_has_it() {
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
            (336, Version::NEWEST),
        ] {
            assert_eq!(first_with(number), version, "{number}");
        }
    }

    #[test]
    fn the_running_version_is_none_that_the_database_is_too_new_for() {
        let version = |stored, migration| running_version(None, stored, migration);
        assert_eq!(version(None, None), None);
        assert_eq!(version(None, Some(197)).as_deref(), Some("3.4.0"));
        assert_eq!(version(Some("odd"), Some(197)).as_deref(), Some("3.4.0"));
        assert_eq!(version(Some("odd"), None).as_deref(), Some("odd"));
        let newer = version(Some("6.14.0-rc.1"), Some(304));
        assert_eq!(newer.as_deref(), Some("6.14.0-rc.1"));
        assert_eq!(version(Some("6.4.8"), Some(304)).as_deref(), Some("6.5.0"));
        let configured = running_version(Some(Version::new(3, 0, 0)), Some("6.4.8"), Some(304));
        assert_eq!(configured.as_deref(), Some("3.0.0"));
    }
}
