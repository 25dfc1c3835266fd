//! Hashing a password for the web configuration; the password is typed or piped in, and never an argument.

use std::io::{self, IsTerminal, Write};

use thiserror::Error;

/// Why there is no hash.
#[derive(Debug, Error)]
pub enum PasswordError {
    /// Nothing could be read.
    #[error("cannot read the password: {0}")]
    Unreadable(#[from] io::Error),
    /// There is nothing in it.
    #[error("the password is empty")]
    Empty,
    /// What was typed the second time is something else.
    #[error("the two passwords differ")]
    Differs,
    /// bcrypt looks at the first 72 bytes only.
    #[error("the password cannot be hashed: {0}")]
    Unhashable(#[from] bcrypt::BcryptError),
}

/// Reads a password and hashes it by bcrypt.
///
/// # Errors
/// When there is none, or when it is longer than bcrypt looks at.
pub fn hash_password(cost: u32) -> Result<String, PasswordError> {
    let password = if io::stdin().is_terminal() {
        typed()?
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

/// Typed twice, because nobody sees what they type.
fn typed() -> Result<String, PasswordError> {
    let ask = |question: &str| {
        write!(io::stderr(), "{question}: ")?;
        rpassword::read_password()
    };
    let password = ask("Password")?;
    if ask("Once more")? == password {
        Ok(password)
    } else {
        Err(PasswordError::Differs)
    }
}
