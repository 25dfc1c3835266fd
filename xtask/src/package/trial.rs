//! The trial of the package on a machine: install, crash, hang, remove, reinstall, purge.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::machine::Machine;

const SERVICE: &str = "rocketchat-exporter.service";
const SETTINGS: &str = "/etc/default/rocketchat-exporter";
const URI: &str = "/etc/rocketchat-exporter/mongodb.uri";
const PACKAGE: &str = "/run/package.deb";

/// A line that an administrator adds.
const CHANGE: &str = "ROCKETCHAT_EXPORTER_LOG_FORMAT=json";

/// The releases of Debian that the package supports.
const RELEASES: [&str; 2] = ["bookworm", "trixie"];

/// Runs the trial on every release, and prints the result of each step.
pub(super) fn run(package: &Path) -> Result<()> {
    for release in RELEASES {
        run_on(release, package)
            .with_context(|| format!("the trial on Debian {release} failed"))?;
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "this is the output of a command")]
fn run_on(release: &str, package: &Path) -> Result<()> {
    let mut machine = Machine::boot(release)?;
    println!(
        "booted Debian {release}: {}",
        machine.shell("systemctl --version | head -n 1")?.trim()
    );
    install(&machine, package)?;
    let pid = serving(&mut machine, "0")?;
    println!("installed: active and ready as process {pid}, enabled, /metrics answers");
    machine.shell(&format!("systemctl reload {SERVICE}"))?;
    ensure!(serving(&mut machine, "0")? == pid, "a reload is no restart");
    println!("reloaded: still process {pid}");
    has_what_the_program_prints(&machine)?;
    println!("manual page and completions: there");
    let pid = survives(&mut machine, &pid, "KILL", "signal")?;
    println!("killed: started again as process {pid}");
    let pid = survives(&mut machine, &pid, "STOP", "watchdog")?;
    println!("stopped by SIGSTOP: killed by the watchdog, and started again as process {pid}");
    machine.shell(&format!(
        "echo {CHANGE} >> {SETTINGS}; systemctl restart {SERVICE}"
    ))?;
    let pid = serving(&mut machine, &pid)?;
    println!("changed {SETTINGS} and restarted: process {pid}");
    machine.shell("dpkg --remove rocketchat-exporter")?;
    machine.shell(&format!(
        "grep --quiet {CHANGE} {SETTINGS} && test -e {URI} && ! systemctl is-active {SERVICE}"
    ))?;
    println!("removed: the service has ended, and the settings are kept");
    install(&machine, package)?;
    serving(&mut machine, &pid)?;
    machine.shell(&format!("grep --quiet {CHANGE} {SETTINGS}"))?;
    println!("installed again: it serves with the kept settings");
    machine.shell(&format!("dpkg --purge rocketchat-exporter; rm {PACKAGE}"))?;
    let left = machine.shell(
        "find / -xdev -iname '*rocketchat*'; systemctl list-units --all --no-legend '*rocketchat*'",
    )?;
    ensure!(left.trim().is_empty(), "the purge leaves:\n{left}");
    println!("purged: nothing is left");
    Ok(())
}

fn install(machine: &Machine, package: &Path) -> Result<()> {
    let to = machine.root().join("var/package.deb");
    fs::copy(package, &to).with_context(|| format!("cannot copy to `{}`", to.display()))?;
    machine.shell(&format!(
        "mv /var/package.deb {PACKAGE} && dpkg --install {PACKAGE}"
    ))?;
    Ok(())
}

/// Waits until another process than `before` has notified systemd that it is ready and serves metrics; returns its process
/// id.
fn serving(machine: &mut Machine, before: &str) -> Result<String> {
    let pid = machine.eventually("the service is active", |machine| {
        let pid = property(machine, "MainPID")?;
        let state = property(machine, "ActiveState")?;
        Ok((state == "active" && pid != before && pid != "0").then_some(pid))
    })?;
    for (name, expected) in [("Type", "notify"), ("UnitFileState", "enabled")] {
        let actual = property(machine, name)?;
        ensure!(actual == expected, "{name} is `{actual}`");
    }
    // The status that the exporter sends to systemd, as this machine has no MongoDB.
    machine.eventually("it has a status", |machine| {
        let status = property(machine, "StatusText")?;
        Ok((status == "No database can be read").then_some(()))
    })?;
    let metrics = machine.shell(
        r"exec 3<>/dev/tcp/127.0.0.1/9459; printf 'GET /metrics HTTP/1.0\r\n\r\n' >&3; cat <&3",
    )?;
    ensure!(metrics.contains("\nrocketchat_up 0\n"), "{metrics}");
    machine.shell("rocketchat-exporter health")?;
    Ok(pid)
}

/// Sends a signal to the service, waits until it serves again, and returns its new process id. `result` is systemd's
/// `Result` of the end.
fn survives(machine: &mut Machine, pid: &str, signal: &str, result: &str) -> Result<String> {
    let restarts = property(machine, "NRestarts")?;
    machine.shell(&format!("kill -{signal} {pid}"))?;
    let pid = serving(machine, pid)?;
    let (before, after): (u32, u32) = (restarts.parse()?, property(machine, "NRestarts")?.parse()?);
    ensure!(after == before + 1, "{after} restarts after {before}");
    let log = machine.shell(&format!("journalctl --unit={SERVICE} --no-pager"))?;
    ensure!(
        log.contains(&format!("Failed with result '{result}'")),
        "the journal has no `{result}`:\n{log}"
    );
    Ok(pid)
}

fn has_what_the_program_prints(machine: &Machine) -> Result<()> {
    machine.shell("test -e /usr/share/bash-completion/completions/rocketchat-exporter")?;
    machine.shell("test -e /usr/share/zsh/vendor-completions/_rocketchat-exporter")?;
    machine.shell("test -e /usr/share/fish/vendor_completions.d/rocketchat-exporter.fish")?;
    // A minimal Debian installs no manual pages.
    machine.shell(
        "dpkg --listfiles rocketchat-exporter | grep --quiet /man1/rocketchat-exporter.1.gz",
    )?;
    machine.shell(&format!("test \"$(stat --format=%a {URI})\" = 600"))?;
    Ok(())
}

fn property(machine: &Machine, name: &str) -> Result<String> {
    let value = machine.shell(&format!(
        "systemctl show --property={name} --value {SERVICE}"
    ))?;
    Ok(value.trim().to_owned())
}
