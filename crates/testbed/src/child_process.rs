//! A child process that does not outlive its parent, even when the parent is killed by SIGKILL.
//!
//! The parent starts a shell, and the shell starts the program. The shell reads from a pipe that the parent holds. When the
//! pipe closes, the parent is gone: the shell kills the program and removes its directory. When the program ends by itself,
//! the shell ends with its exit code. Shell and program have their own process group, so that Ctrl-C in a terminal reaches
//! the parent only, which decides in which order things stop.
//!
//! The crates `process-wrap` and `command-group` kill the child when a value is dropped, which SIGKILL prevents.
//! `PR_SET_PDEATHSIG` needs unsafe code, and fires when the thread that started the child ends.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

use anyhow::{Context, Result};

/// Arguments: the directory to remove once the parent is gone (or empty), then the program and its arguments.
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

/// A running program. It is killed when this value is dropped or this process ends.
#[derive(Debug)]
pub struct ChildProcess {
    shell: Child,
    pipe: Option<ChildStdin>,
    pid: u32,
}

impl ChildProcess {
    /// Starts `program`, and sends its standard output and standard error to `output`.
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
        let stdout = shell.stdout.take().context("`sh` has no standard output")?;
        BufReader::new(stdout)
            .read_line(&mut line)
            .context("cannot read from `sh`")?;
        let pid = line.trim().parse().context("`sh` printed no process id")?;
        Ok(Self { shell, pipe, pid })
    }

    /// The process id of the program itself.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The exit status of the program, if it has ended.
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

    /// Kills the program by SIGKILL and keeps its directory.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut pipe) = self.pipe.take() {
            // A broken pipe means that the program has ended already.
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
    /// To the standard error of this process.
    Terminal,
    /// Into a file.
    File(&'a Path),
}

/// Converts the exit status of the shell, which is 128 plus the signal for a program killed by a signal.
fn as_program_status(shell: ExitStatus) -> ExitStatus {
    match shell.code() {
        Some(code) if code > 128 => ExitStatus::from_raw(code - 128),
        _ => shell,
    }
}
