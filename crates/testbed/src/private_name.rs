//! A host name that only some processes can resolve, as the name of a service in a network of containers.

use std::path::Path;
use std::process::Command;

/// Binds a file over `/etc/hosts` in a mount namespace of its own, then becomes the program.
const SCRIPT: &str = "mount --bind \"$0\" /etc/hosts && exec \"$@\"";

/// The content of a file for [`with_hosts`]: names of this machine.
#[must_use]
pub fn hosts(name: &str) -> String {
    format!("127.0.0.1 localhost {name}\n")
}

/// A command that runs another one, for which the file `hosts` is `/etc/hosts`. It passes on its arguments and variables.
#[must_use]
pub fn with_hosts(command: &Command, hosts: &Path) -> Command {
    let mut private = Command::new("unshare");
    private
        .args(["--map-root-user", "--mount", "sh", "-c", SCRIPT])
        .arg(hosts)
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => private.env(name, value),
            None => private.env_remove(name),
        };
    }
    private
}
