//! The file with the login of the probe: a user ID and a personal access token.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::login::{AdminLogin, InvalidLogin};
use crate::small_file;

/// Why a file has no login. The message does not repeat its content.
#[derive(Debug, Error)]
#[error("--rocketchat.token-file: `{}`: {problem}", path.display())]
pub struct TokenFileError {
    path: PathBuf,
    problem: TokenFileProblem,
}

#[derive(Debug, Error)]
enum TokenFileProblem {
    #[error("cannot be read: {0}")]
    Unreadable(io::Error),
    #[error(
        "it has {found} words; expected two, separated by a space or a line break: the user ID and the personal access token"
    )]
    Format { found: usize },
    #[error(transparent)]
    Invalid(InvalidLogin),
}

/// Reads the login in a file.
///
/// # Errors
/// When the file cannot be read, or does not have a user ID and a token.
pub fn read(path: &Path) -> Result<AdminLogin, TokenFileError> {
    read_login(path).map_err(|problem| TokenFileError {
        path: path.to_owned(),
        problem,
    })
}

fn read_login(path: &Path) -> Result<AdminLogin, TokenFileProblem> {
    let text = small_file::read_to_string(path).map_err(TokenFileProblem::Unreadable)?;
    let words: Vec<&str> = text.split_whitespace().collect();
    let [user_id, token] = words.as_slice() else {
        return Err(TokenFileProblem::Format { found: words.len() });
    };
    AdminLogin::new(user_id, token).map_err(TokenFileProblem::Invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(content: &str) -> Result<AdminLogin, String> {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("token");
        std::fs::write(&path, content).expect("it can be written");
        read(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn file_has_a_user_id_and_a_token() {
        for content in [
            "theId theToken",
            "theId\ntheToken\n",
            " theId\r\n\r\ntheToken",
        ] {
            let login = login(content).expect("the file is valid");
            assert_eq!((login.user_id(), login.token()), ("theId", "theToken"));
        }
    }

    #[test]
    fn error_of_a_file_does_not_repeat_it() {
        for (content, expected) in [
            ("", "has 0 words"),
            ("secret", "has 1 words"),
            ("the secret token", "has 3 words"),
            ("id secret\u{1}", "invalid characters"),
        ] {
            let error = login(content).err().expect("the file is invalid");
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
