//! Links the program so that it takes less memory where that is possible.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if reads_packed_relocations() {
        // 0.4 MB of addresses that are only needed while the program is loaded become 20 kB.
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// Whether the C library that the program will run with reads packed relocations: glibc does from 2.36 on (2022). It is the
/// one of this machine, unless the program is for another, or has a library of its own.
fn reads_packed_relocations() -> bool {
    let variable = |name| env::var(name).unwrap_or_default();
    let is_for_this_machine = variable("HOST") == variable("TARGET");
    let has_own_library = variable("CARGO_CFG_TARGET_FEATURE").contains("crt-static");
    if !is_for_this_machine || has_own_library || variable("CARGO_CFG_TARGET_ENV") != "gnu" {
        return false;
    }
    let Ok(answer) = Command::new("getconf").arg("GNU_LIBC_VERSION").output() else {
        return false;
    };
    let answer = String::from_utf8_lossy(&answer.stdout);
    let minor = answer
        .trim()
        .strip_prefix("glibc 2.")
        .map(str::parse::<u32>);
    matches!(minor, Some(Ok(minor)) if minor >= 36)
}
