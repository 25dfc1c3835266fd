//! nginx, the reverse proxy. It comes from Debian's package, which needs not be installed for it.

use anyhow::Result;

use super::debian::{Package, Program};
use super::output_of;

const PACKAGE: Package = Package {
    folder: "nginx",
    program: "usr/sbin/nginx",
    on_path: Some("nginx"),
    suite: None,
    packages: &["nginx", "libpcre2-8-0", "libssl3"],
    command: "test",
};

/// An nginx that is already here.
pub fn find() -> Result<Program> {
    PACKAGE.find()
}

/// nginx, downloaded if need be.
pub fn fetch() -> Result<Program> {
    PACKAGE.fetch(|it| output_of(it.command().arg("-v")).map(drop))
}
