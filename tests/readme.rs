//! The generated parts of the README and of `docs/statistics.md`.

use crate::support::{Exporter, assert_golden};

fn printed(argument: &str) -> String {
    let output = Exporter::command()
        .arg(argument)
        .output()
        .expect("the exporter runs");
    String::from_utf8(output.stdout).expect("the output is UTF-8")
}

#[test]
fn statistics_reference_is_the_printed_one() {
    let reference = format!("\n{}", printed("--print-statistics"));
    let markers = ("<!-- statistics: begin -->", "<!-- statistics: end -->");
    assert_golden("docs/statistics.md", Some(markers), &reference);
}

#[test]
fn statistics_summary_has_every_section() {
    let summary = format!("\n{}", rocketchat_exporter::statistics_summary());
    let markers = ("<!-- statistics: begin -->", "<!-- statistics: end -->");
    assert_golden("README.md", Some(markers), &summary);
}

#[test]
fn role_grants_what_the_collectors_need() {
    let role = format!("\n```js\n{}```\n", rocketchat_exporter::role_reference());
    let markers = ("<!-- role: begin -->", "<!-- role: end -->");
    assert_golden("README.md", Some(markers), &role);
}

#[test]
fn configuration_table_has_every_flag() {
    let table = format!("\n{}", rocketchat_exporter::configuration_reference());
    let markers = (
        "<!-- configuration: begin -->",
        "<!-- configuration: end -->",
    );
    assert_golden("README.md", Some(markers), &table);
}
