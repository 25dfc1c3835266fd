//! Running cargo from within `cargo xtask`.

use std::process::Command;

/// What the cargo that runs us tells us of our own package. Some build scripts (ring's, for one) watch these variables,
/// so handing them on would build half of the dependencies anew whenever somebody changes between `cargo` and
/// `cargo xtask`.
const OF_OUR_PACKAGE: [&str; 3] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"];

/// The cargo that runs us, as if it were typed in a shell.
pub(crate) fn cargo() -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if OF_OUR_PACKAGE.iter().any(|prefix| name.starts_with(prefix)) {
            command.env_remove(&*name);
        }
    }
    command
}
