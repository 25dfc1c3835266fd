//! The release lines of Rocket.Chat: the day on which the support of each ends, and the lines of MongoDB that it runs on.
//!
//! A line is a major and a minor version. The table is as of [`AS_OF`]; other lines are unknown.
//!
//! Sources of the end of support:
//! - 1.0 to 8.4: products/rocket-chat.md of endoflife-date/endoflife.date at commit 00a6381, except 7.10 LTS, which the
//!   announcement github.com/orgs/RocketChat/discussions/42302 prolonged, and 8.0, which was corrected since.
//! - 8.5 LTS: the same announcement. 8.6: the release page of 8.6.0. 8.7: collected on the day of the table.
//! - 8.8, 8.9 LTS and 9.0: no day was found, so it is estimated: six months after the release, or twelve for LTS. Of 8.9 only
//!   the last candidate's day is known, and the release came after it.
//! - 9.1: not released.
//!
//! Sources of the lines of MongoDB: "Engine versions" of the release pages, and `compatibleMongoVersions` of
//! releases.rocket.chat. 8.0 names 8.2 alone. 8.2 to 9.1 name 8.0, and Rocket.Chat's own compose file starts them with 8.2, so
//! both count. The list of 8.1 was not read; it gets the lines that its neighbors name. 7.13 names majors only. Lists before
//! 4.6 and of 5.x were not read.

use super::version::Version;

/// The day of the table.
pub const AS_OF: &str = "2026-11-28";

/// A major and a minor version.
pub type MajorMinor = (u16, u16);

/// A release line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReleaseLine {
    /// Its major and minor version.
    pub line: MajorMinor,
    /// When its support ends; `None` where that is not known.
    pub end_of_support: Option<EndOfSupport>,
    /// The lines of MongoDB that it runs on; empty where they are not known.
    pub mongodb: &'static [MajorMinor],
}

/// The day on which the support of a line ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndOfSupport {
    /// As in ISO 8601.
    pub day: &'static str,
    /// Whether the day was announced; if not, it is estimated from the release.
    pub is_announced: bool,
}

const UNKNOWN: &[MajorMinor] = &[];
const MONGODB_3_6_TO_5_0: &[MajorMinor] = &[(3, 6), (4, 0), (4, 2), (4, 4), (5, 0)];
const MONGODB_4_4_TO_6_0: &[MajorMinor] = &[(4, 4), (5, 0), (6, 0)];
const MONGODB_5_0_TO_7_0: &[MajorMinor] = &[(5, 0), (6, 0), (7, 0)];
const MONGODB_5_0_TO_8_2: &[MajorMinor] = &[(5, 0), (6, 0), (7, 0), (8, 0), (8, 2)];
const MONGODB_8_2: &[MajorMinor] = &[(8, 2)];
const MONGODB_8_0_AND_8_2: &[MajorMinor] = &[(8, 0), (8, 2)];

/// Every known line, newest first.
#[rustfmt::skip]
pub const RELEASE_LINES: &[ReleaseLine] = &[
    line(9, 1, None, MONGODB_8_0_AND_8_2),
    line(9, 0, estimated("2027-05-10"), MONGODB_8_0_AND_8_2),
    line(8, 9, estimated("2027-10-03"), MONGODB_8_0_AND_8_2),
    line(8, 8, estimated("2027-03-02"), MONGODB_8_0_AND_8_2),
    line(8, 7, announced("2027-01-31"), MONGODB_8_0_AND_8_2),
    line(8, 6, announced("2027-01-31"), MONGODB_8_0_AND_8_2),
    line(8, 5, announced("2027-06-30"), MONGODB_8_0_AND_8_2),
    line(8, 4, announced("2026-10-31"), MONGODB_8_0_AND_8_2),
    line(8, 3, announced("2026-10-31"), MONGODB_8_0_AND_8_2),
    line(8, 2, announced("2026-09-30"), MONGODB_8_0_AND_8_2),
    line(8, 1, announced("2026-08-31"), MONGODB_8_0_AND_8_2),
    line(8, 0, announced("2026-07-11"), MONGODB_8_2),
    line(7, 13, announced("2026-05-31"), MONGODB_5_0_TO_8_2),
    line(7, 12, announced("2026-04-30"), MONGODB_5_0_TO_7_0),
    line(7, 11, announced("2026-03-31"), MONGODB_5_0_TO_7_0),
    line(7, 10, announced("2026-09-30"), MONGODB_5_0_TO_7_0),
    line(7, 9, announced("2026-01-31"), MONGODB_5_0_TO_7_0),
    line(7, 8, announced("2026-01-31"), MONGODB_5_0_TO_7_0),
    line(7, 7, announced("2025-11-30"), MONGODB_5_0_TO_7_0),
    line(7, 6, announced("2025-11-30"), MONGODB_5_0_TO_7_0),
    line(7, 5, announced("2025-10-31"), MONGODB_5_0_TO_7_0),
    line(7, 4, announced("2025-08-31"), MONGODB_5_0_TO_7_0),
    line(7, 3, announced("2025-07-31"), MONGODB_5_0_TO_7_0),
    line(7, 2, announced("2025-07-31"), MONGODB_5_0_TO_7_0),
    line(7, 1, announced("2025-06-30"), MONGODB_5_0_TO_7_0),
    line(7, 0, announced("2025-04-30"), MONGODB_5_0_TO_7_0),
    line(6, 13, announced("2025-04-30"), MONGODB_4_4_TO_6_0),
    line(6, 12, announced("2025-03-31"), MONGODB_4_4_TO_6_0),
    line(6, 11, announced("2025-02-28"), MONGODB_4_4_TO_6_0),
    line(6, 10, announced("2025-01-31"), MONGODB_4_4_TO_6_0),
    line(6, 9, announced("2024-12-31"), MONGODB_4_4_TO_6_0),
    line(6, 8, announced("2024-11-30"), MONGODB_4_4_TO_6_0),
    line(6, 7, announced("2024-10-31"), MONGODB_4_4_TO_6_0),
    line(6, 6, announced("2024-08-31"), MONGODB_4_4_TO_6_0),
    line(6, 5, announced("2024-06-30"), MONGODB_4_4_TO_6_0),
    line(6, 4, announced("2024-03-31"), MONGODB_4_4_TO_6_0),
    line(6, 3, announced("2024-02-29"), MONGODB_4_4_TO_6_0),
    line(6, 2, announced("2023-11-30"), MONGODB_4_4_TO_6_0),
    line(6, 1, announced("2023-09-30"), MONGODB_4_4_TO_6_0),
    line(6, 0, announced("2023-09-30"), MONGODB_4_4_TO_6_0),
    line(5, 4, announced("2023-06-30"), UNKNOWN),
    line(5, 3, announced("2023-05-31"), UNKNOWN),
    line(5, 2, announced("2023-04-30"), UNKNOWN),
    line(5, 1, announced("2023-03-31"), UNKNOWN),
    line(5, 0, announced("2023-01-31"), UNKNOWN),
    line(4, 8, announced("2022-12-31"), MONGODB_3_6_TO_5_0),
    line(4, 7, announced("2022-11-30"), MONGODB_3_6_TO_5_0),
    line(4, 6, announced("2022-10-31"), MONGODB_3_6_TO_5_0),
    line(4, 5, announced("2022-09-30"), UNKNOWN),
    line(4, 4, announced("2022-07-31"), UNKNOWN),
    line(4, 3, announced("2022-06-30"), UNKNOWN),
    line(4, 2, announced("2022-05-31"), UNKNOWN),
    line(4, 1, announced("2022-04-30"), UNKNOWN),
    line(4, 0, announced("2022-04-30"), UNKNOWN),
    line(3, 18, announced("2022-02-28"), UNKNOWN),
    line(3, 17, announced("2022-01-31"), UNKNOWN),
    line(3, 16, announced("2021-12-31"), UNKNOWN),
    line(3, 15, announced("2021-11-30"), UNKNOWN),
    line(3, 14, announced("2021-10-31"), UNKNOWN),
    line(3, 13, announced("2021-10-31"), UNKNOWN),
    line(3, 12, announced("2021-08-31"), UNKNOWN),
    line(3, 11, announced("2021-08-31"), UNKNOWN),
    line(3, 10, announced("2021-06-30"), UNKNOWN),
    line(3, 9, announced("2021-05-31"), UNKNOWN),
    line(3, 8, announced("2021-05-31"), UNKNOWN),
    line(3, 7, announced("2021-03-31"), UNKNOWN),
    line(3, 6, announced("2021-02-28"), UNKNOWN),
    line(3, 5, announced("2021-01-31"), UNKNOWN),
    line(3, 4, announced("2020-12-31"), UNKNOWN),
    line(3, 3, announced("2020-11-30"), UNKNOWN),
    line(3, 2, announced("2020-10-31"), UNKNOWN),
    line(3, 1, announced("2020-10-31"), UNKNOWN),
    line(3, 0, announced("2020-08-31"), UNKNOWN),
    line(2, 4, announced("2020-06-30"), UNKNOWN),
    line(2, 3, announced("2020-05-31"), UNKNOWN),
    line(2, 2, announced("2020-04-30"), UNKNOWN),
    line(2, 1, announced("2020-03-31"), UNKNOWN),
    line(2, 0, announced("2020-03-31"), UNKNOWN),
    line(1, 3, announced("2020-02-29"), UNKNOWN),
    line(1, 2, announced("2019-12-31"), UNKNOWN),
    line(1, 1, announced("2019-11-30"), UNKNOWN),
    line(1, 0, announced("2019-10-31"), UNKNOWN),
];

const fn line(
    major: u16,
    minor: u16,
    end_of_support: Option<EndOfSupport>,
    mongodb: &'static [MajorMinor],
) -> ReleaseLine {
    ReleaseLine {
        line: (major, minor),
        end_of_support,
        mongodb,
    }
}

const fn announced(day: &'static str) -> Option<EndOfSupport> {
    Some(EndOfSupport {
        day,
        is_announced: true,
    })
}

const fn estimated(day: &'static str) -> Option<EndOfSupport> {
    Some(EndOfSupport {
        day,
        is_announced: false,
    })
}

/// The line of a version; `None` where it is not known.
pub fn release_line(version: Version) -> Option<&'static ReleaseLine> {
    RELEASE_LINES
        .iter()
        .find(|known| known.line == version.line())
}

impl ReleaseLine {
    /// Whether it runs on a version of MongoDB; `None` where one of the two is not known.
    pub fn supports_mongodb(&self, version: &str) -> Option<bool> {
        let server: Version = version.parse().ok()?;
        (!self.mongodb.is_empty()).then(|| self.mongodb.contains(&server.line()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(major: u16, minor: u16) -> Option<&'static ReleaseLine> {
        release_line(Version::new(major, minor, 7))
    }

    #[test]
    fn lines_are_in_descending_order() {
        for pair in RELEASE_LINES.windows(2) {
            assert!(pair[0].line > pair[1].line, "{pair:?}");
        }
    }

    #[test]
    fn days_are_valid() {
        let ends = RELEASE_LINES.iter().filter_map(|line| line.end_of_support);
        for day in ends.map(|end| end.day).chain([AS_OF]) {
            let parsed = day.parse::<jiff::civil::Date>();
            assert!(
                parsed.is_ok_and(|parsed| parsed.to_string() == day),
                "{day}"
            );
        }
    }

    #[test]
    fn a_version_belongs_to_its_line() {
        let day = |major, minor| Some(known(major, minor)?.end_of_support?.day);
        assert_eq!(day(8, 6), Some("2027-01-31"));
        assert_eq!(day(7, 10), Some("2026-09-30"));
        assert_eq!(day(7, 1), Some("2025-06-30"));
        assert_eq!(day(9, 1), None);
        for (major, minor) in [(9, 2), (10, 0), (7, 14), (0, 74)] {
            assert_eq!(known(major, minor), None, "{major}.{minor}");
        }
    }

    #[test]
    fn mongodb_is_compared_with_the_list_of_the_line() {
        for (major, minor, mongodb, supported) in [
            (9, 0, "8.0.16", Some(true)),
            (9, 1, "8.2.1", Some(true)),
            (9, 0, "8.1.0", Some(false)),
            (8, 6, "6.0.27", Some(false)),
            (8, 6, "7.0.14", Some(false)),
            (8, 0, "8.0.4", Some(false)),
            (7, 13, "8.0.4", Some(true)),
            (7, 7, "6.0.19-16", Some(true)),
            (7, 7, "8.0.4", Some(false)),
            (6, 13, "4.4.29", Some(true)),
            (5, 4, "5.0.31", None),
            (9, 0, "", None),
            (9, 0, "unknown", None),
        ] {
            let line = known(major, minor).expect("the line is known");
            let found = line.supports_mongodb(mongodb);
            assert_eq!(found, supported, "{major}.{minor} on {mongodb}");
        }
    }
}
