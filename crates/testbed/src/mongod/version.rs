//! The versions of MongoDB's server that the tests use.

use anyhow::{Context, Result};
use tools::command::output_of;
use tools::{MONGOD_4_2, MONGOD_4_4, MONGOD_6_0, Tool};

/// A version of MongoDB's server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MongodVersion {
    /// The default.
    #[default]
    V6_0,
    /// The oldest that the MongoDB driver supports.
    V4_4,
    /// Too old for the MongoDB driver.
    V4_2,
}

impl MongodVersion {
    /// The tool that provides it.
    #[must_use]
    pub fn tool(self) -> Tool {
        match self {
            Self::V6_0 => MONGOD_6_0,
            Self::V4_4 => MONGOD_4_4,
            Self::V4_2 => MONGOD_4_2,
        }
    }

    /// The full version, such as `6.0.5`, as `mongod --version` prints it.
    pub fn full(self) -> Result<String> {
        let program = self.tool().find()?;
        let text = output_of(program.command().arg("--version"))?;
        let mut lines = text.lines();
        let version = lines.find_map(|line| line.strip_prefix("db version v"));
        Ok(version
            .context("mongod names no version")?
            .trim()
            .to_owned())
    }
}
