//! Stops the build if Rust is too old, with the command that brings a newer one. Cargo's own message names no command, and
//! `cargo xtask` switches it off by `--ignore-rust-version`.

use std::process::{Command, exit};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let least = env!("CARGO_PKG_RUST_VERSION");
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(compiler)
        .arg("--version")
        .output()
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    // Such as `rustc 1.95.0 (59807616e 2026-04-14)`.
    let number = version.split(' ').nth(1).unwrap_or_default();
    if numbers(number) < numbers(least) {
        eprintln!(
            "Rust {least} is needed, and this is `{}`; run `rustup update stable`",
            version.trim()
        );
        exit(1);
    }
}

fn numbers(version: &str) -> Vec<u32> {
    version
        .split(['.', '-'])
        .map_while(|part| part.parse().ok())
        .collect()
}
