//! A child process that cannot outlive us, not even when we are killed outright.
//!
//! Between us and the program stands a small shell that reads from a pipe we hold. The pipe's end of file means that we
//! are gone, whichever thread started the program, and then the shell kills it and removes its directory. When the
//! program ends by itself the shell ends with its exit code, so its death is noticed like that of any child. Both are in
//! a process group of their own: Ctrl-C in a terminal reaches only us, and we decide in which order things stop.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

use anyhow::{Context, Result};

/// Arguments: the directory to remove once we are gone (or empty), then the program and its arguments.
const SCRIPT: &str = r#"
directory=$1; shift
exec 3<&0
"$@" 3<&- >&2 & child=$!
{ read -r _ <&3 || { [ -z "$directory" ] || : >"$directory/abandoned"; }; kill -9 $child; } 2>/dev/null & watcher=$!
echo $child
exec >/dev/null
wait $child; code=$?
kill $watcher 2>/dev/null
if [ -n "$directory" ] && [ -e "$directory/abandoned" ]; then rm -rf "$directory"; fi
exit $code
"#;

/// A running program that dies with this value, and with this process.
#[derive(Debug)]
pub struct ChildProcess {
    shell: Child,
    pipe: Option<ChildStdin>,
    pid: u32,
}

impl ChildProcess {
    /// Starts `program`; all it prints goes where `output` says.
    pub fn start(program: &mut Command, directory: Option<&Path>, output: Output) -> Result<Self> {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", SCRIPT, "child_process"])
            .arg(directory.map(Path::as_os_str).unwrap_or_default());
        shell.arg(program.get_program()).args(program.get_args());
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        if let Some(directory) = program.get_current_dir() {
            shell.current_dir(directory);
        }
        shell
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0);
        if let Output::File(path) = output {
            shell.stderr(
                File::create(path)
                    .with_context(|| format!("cannot create `{}`", path.display()))?,
            );
        }
        let mut shell = shell.spawn().context("cannot start `sh`")?;
        let pipe = shell.stdin.take();
        let mut line = String::new();
        let stdout = shell
            .stdout
            .take()
            .context("the shell has no standard output")?;
        BufReader::new(stdout)
            .read_line(&mut line)
            .context("cannot read from `sh`")?;
        let pid = line
            .trim()
            .parse()
            .context("`sh` did not tell the process id")?;
        Ok(Self { shell, pipe, pid })
    }

    /// The process id of the program itself.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// How the program ended, if it did.
    pub fn exit_status(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self
            .shell
            .try_wait()
            .context("cannot wait for `sh`")?
            .map(as_program_status))
    }

    /// Sends a signal by name, such as `TERM`.
    pub fn signal(&self, name: &str) -> Result<()> {
        let script = "kill -s \"$1\" \"$2\"";
        let status = Command::new("sh")
            .args(["-c", script, "sh", name, &self.pid.to_string()])
            .stderr(Stdio::null())
            .status()
            .context("cannot start `sh`")?;
        anyhow::ensure!(
            status.success(),
            "cannot send SIG{name} to process {}; did it end?",
            self.pid
        );
        Ok(())
    }

    /// Kills the program outright, but leaves its directory.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut pipe) = self.pipe.take() {
            // A broken pipe says that the program ended before we asked, which is what we want.
            drop(pipe.write_all(b"keep the directory\n"));
        }
        self.shell.wait().context("cannot wait for `sh`")?;
        Ok(())
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        drop(self.pipe.take());
        drop(self.shell.wait());
    }
}

/// Where a program's output goes.
#[derive(Clone, Copy, Debug)]
pub enum Output<'a> {
    /// To our own standard error.
    Terminal,
    /// Into a file.
    File(&'a Path),
}

/// A shell reports a program that was killed by a signal as 128 plus the signal's number.
fn as_program_status(shell: ExitStatus) -> ExitStatus {
    match shell.code() {
        Some(code) if code > 128 => ExitStatus::from_raw(code - 128),
        _ => shell,
    }
}
