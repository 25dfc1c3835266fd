//! Runs a program with a wrong clock.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Makes a command run with a clock that is so many seconds ahead, or behind if negative.
pub fn shift_clock(command: &mut Command, seconds: i64) -> &mut Command {
    command
        .env("LD_PRELOAD", library())
        .env("SHIFTED_CLOCK_SECONDS", seconds.to_string())
}

/// The preloaded library, built once per process.
fn library() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/shifted_clock.c");
        let name = format!("shifted_clock-{}.so", std::process::id());
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-Wall", "-Werror", source, "-ldl", "-o"])
            .arg(&library)
            .status();
        assert!(
            built
                .expect("the C compiler that links Rust programs runs")
                .success()
        );
        library
    })
}
