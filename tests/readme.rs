//! The generated parts of the README and of the reference.

use crate::support::{Exporter, assert_golden};

fn printed(argument: &str) -> String {
    let output = Exporter::command()
        .arg(argument)
        .output()
        .expect("the exporter runs");
    String::from_utf8(output.stdout).expect("it prints UTF-8")
}

#[test]
fn the_reference_of_statistics_is_the_printed_one() {
    let reference = format!("\n{}", printed("--print-statistics"));
    let marks = ("<!-- statistics: begin -->", "<!-- statistics: end -->");
    assert_golden("docs/statistics.md", Some(marks), &reference);
}

#[test]
fn the_summary_of_statistics_has_every_section() {
    let summary = format!("\n{}", rocketchat_exporter::statistics_summary());
    let marks = ("<!-- statistics: begin -->", "<!-- statistics: end -->");
    assert_golden("README.md", Some(marks), &summary);
}

#[test]
fn the_role_allows_what_the_collectors_need() {
    let role = format!("\n```js\n{}```\n", rocketchat_exporter::role_reference());
    let marks = ("<!-- role: begin -->", "<!-- role: end -->");
    assert_golden("README.md", Some(marks), &role);
}

#[test]
fn the_configuration_table_has_every_flag() {
    let table = format!("\n{}", rocketchat_exporter::configuration_reference());
    let marks = (
        "<!-- configuration: begin -->",
        "<!-- configuration: end -->",
    );
    assert_golden("README.md", Some(marks), &table);
}
