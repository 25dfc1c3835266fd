//! A minimal Debian booted by its own systemd, without a network except its own loopback address.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use tools::command::last_lines;
use tools::workspace_root;

/// A booted machine. Dropping it shuts the machine down and removes its files.
pub(super) struct Machine {
    root: PathBuf,
    nspawn: Child,
    /// The process id of its systemd on the host.
    init: String,
}

impl Machine {
    /// Unpacks a release of Debian and boots it.
    pub(super) fn boot(release: &str) -> Result<Self> {
        let root = workspace_root().join("target/package/root");
        remove(&root)?;
        let output = Command::new("mmdebstrap")
            .args(["--quiet", "--variant=minbase"])
            .arg("--include=systemd,systemd-sysv,dbus,ca-certificates,procps,tzdata")
            .arg(release)
            .arg(&root)
            .output()
            .context("cannot run mmdebstrap")?;
        ensure!(
            output.status.success(),
            "mmdebstrap failed: {}",
            last_lines(&String::from_utf8_lossy(&output.stderr))
        );
        let nspawn = Command::new("systemd-nspawn")
            .args(["--quiet", "--boot", "--private-network"])
            // From version 256 on, systemd does not boot on the first version of cgroups.
            .env("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", "1")
            // systemd-machined may not be running, so the machine is not registered.
            .args(["--register=no", "--keep-unit", "--directory"])
            .arg(&root)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot run systemd-nspawn")?;
        let mut machine = Self {
            root,
            nspawn,
            init: String::new(),
        };
        machine.init = machine.eventually("it has a systemd", |machine| Ok(machine.child()))?;
        machine.eventually("it has booted", |machine| {
            let state = machine.run("systemctl is-system-running")?;
            Ok(["running", "degraded"]
                .contains(&state.trim())
                .then_some(()))
        })?;
        Ok(machine)
    }

    /// The root directory of its files.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Runs a shell command in it and returns the output; fails if the command fails.
    pub(super) fn shell(&self, line: &str) -> Result<String> {
        let output = self.output(line)?;
        let printed =
            String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        ensure!(
            output.status.success(),
            "`{line}` failed with {}: {printed}",
            output.status
        );
        Ok(printed)
    }

    /// Runs a shell command in it and returns the output, regardless of the exit status.
    pub(super) fn run(&self, line: &str) -> Result<String> {
        Ok(String::from_utf8_lossy(&self.output(line)?.stdout).into_owned())
    }

    fn output(&self, line: &str) -> Result<Output> {
        Command::new("nsenter")
            .args(["--target", &self.init, "--mount", "--pid", "--ipc", "--uts"])
            .args([
                "--net",
                &format!("--root=/proc/{}/root", self.init),
                "--wdns=/",
            ])
            .args(["/bin/bash", "-c", line])
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdin(Stdio::null())
            .output()
            .context("cannot run nsenter")
    }

    /// Polls until a value is found, for up to two minutes, which is twice the timeout of the service's watchdog.
    pub(super) fn eventually<T>(
        &mut self,
        awaited: &str,
        mut look: impl FnMut(&Self) -> Result<Option<T>>,
    ) -> Result<T> {
        let begun = Instant::now();
        loop {
            if let Some(seen) = look(self)? {
                return Ok(seen);
            }
            if let Some(status) = self.nspawn.try_wait()? {
                bail!("systemd-nspawn ended with {status}");
            }
            ensure!(
                begun.elapsed() < Duration::from_mins(2),
                "never happened: {awaited}"
            );
            sleep(Duration::from_millis(200));
        }
    }

    fn child(&self) -> Option<String> {
        let nspawn = self.nspawn.id();
        let children = fs::read_to_string(format!("/proc/{nspawn}/task/{nspawn}/children"));
        let children = children.ok()?;
        children.split_whitespace().next().map(str::to_owned)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // SIGTERM makes nspawn shut the machine down; remaining processes are killed.
        let asked = Command::new("kill")
            .arg(self.nspawn.id().to_string())
            .status();
        let begun = Instant::now();
        while asked.is_ok()
            && begun.elapsed() < Duration::from_secs(30)
            && matches!(self.nspawn.try_wait(), Ok(None))
        {
            sleep(Duration::from_millis(100));
        }
        drop(self.nspawn.kill());
        drop(self.nspawn.wait());
        drop(remove(&self.root));
    }
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove `{}`", folder.display()))
        }
        _ => Ok(()),
    }
}
