//! wrk, which asks one address as fast as it can and measures how long each answer takes. It comes from Debian's package,
//! which needs not be installed for it.

use anyhow::Result;

use super::debian::{Package, Program};
use super::output_of;

const PACKAGE: Package = Package {
    folder: "wrk",
    program: "usr/bin/wrk",
    on_path: Some("wrk"),
    suite: None,
    packages: &["wrk", "libluajit-5.1-2"],
    command: "bench",
};

/// A wrk that is already here.
pub fn find() -> Result<Program> {
    PACKAGE.find()
}

/// wrk, downloaded if need be.
pub fn fetch() -> Result<Program> {
    PACKAGE.fetch(|it| {
        // It has no option that only tells its version: one request to nowhere ends at once and tells it.
        output_of(
            it.command()
                .args(["-d1", "-c1", "-t1", "http://127.0.0.1:9/"]),
        )
        .map_or_else(
            |error| match format!("{error:#}") {
                text if text.contains("unable to connect") => Ok(()),
                _ => Err(error),
            },
            |_| Ok(()),
        )
    })
}
