//! `hash-password`: hashes a password for the web configuration file. It is read from the terminal or a pipe, because other
//! users can see arguments.

use std::io::{self, IsTerminal, Write};

use thiserror::Error;

/// Why there is no hash.
#[derive(Debug, Error)]
pub enum PasswordError {
    /// It could not be read.
    #[error("cannot read the password: {0}")]
    Unreadable(#[from] io::Error),
    /// It is empty.
    #[error("the password is empty")]
    Empty,
    /// The two inputs differ.
    #[error("the two passwords differ")]
    Differs,
    /// It cannot be hashed: bcrypt takes 72 bytes at most.
    #[error("the password cannot be hashed: {0}")]
    Unhashable(#[from] bcrypt::BcryptError),
}

/// Reads a password and returns its bcrypt hash.
///
/// # Errors
/// When the password is empty, too long, or cannot be read.
pub fn hash_password(cost: u32) -> Result<String, PasswordError> {
    let password = if io::stdin().is_terminal() {
        read_from_terminal()?
    } else {
        let mut line = String::new();
        io::stdin().read_line(&mut line)?;
        line.trim_end_matches(['\r', '\n']).to_owned()
    };
    if password.is_empty() {
        return Err(PasswordError::Empty);
    }
    Ok(bcrypt::non_truncating_hash(password, cost)?)
}

/// Reads the password twice, because the terminal does not show it.
fn read_from_terminal() -> Result<String, PasswordError> {
    let prompt_for = |prompt: &str| {
        write!(io::stderr(), "{prompt}: ")?;
        rpassword::read_password()
    };
    let password = prompt_for("Password")?;
    if prompt_for("Repeat")? == password {
        Ok(password)
    } else {
        Err(PasswordError::Differs)
    }
}
