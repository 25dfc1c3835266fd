//! Users and their passwords, of which only bcrypt's hashes are known.
//!
//! bcrypt is slow on purpose. So comparisons run one at a time and beside the threads that serve, and the last outcomes
//! are remembered: a scrape with the same password is not compared again. Somebody whom the file does not name is
//! compared too, so that the time tells nobody who is in it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use bcrypt::HashParts;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

/// Outcomes of each kind that are remembered.
const MOST_REMEMBERED: usize = 100;

/// Costs of a hash. Each step doubles the time: a comparison takes seconds at 16 and a day at 31, and others wait for it.
const COSTS: RangeInclusive<u32> = 4..=16;

/// Compares a password with a hash. Tests count the calls.
type Compare = dyn Fn(&str, &str) -> bool + Send + Sync;

/// Who may ask.
#[derive(Default)]
pub struct Users {
    hashes: HashMap<String, String>,
    /// The hash that takes longest to compare with; strangers are compared with it.
    slowest: String,
}

impl fmt::Debug for Users {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.hashes.keys()).finish()
    }
}

impl Users {
    /// Checks the hashes.
    pub fn new(hashes: BTreeMap<String, String>) -> Result<Self, String> {
        let mut slowest = (0, String::new());
        for (name, hash) in &hashes {
            let problem = |reason: &dyn fmt::Display| {
                format!("basic_auth_users.{name}: not a hash made by bcrypt: {reason}")
            };
            let parts = HashParts::from_str(hash).map_err(|reason| problem(&reason))?;
            let cost = parts.get_cost();
            if !COSTS.contains(&cost) {
                let (least, most) = (COSTS.start(), COSTS.end());
                return Err(problem(&format!(
                    "its cost is {cost}; expected a cost from {least} to {most}"
                )));
            }
            if cost > slowest.0 {
                slowest = (cost, hash.clone());
            }
        }
        Ok(Self {
            hashes: hashes.into_iter().collect(),
            slowest: slowest.1,
        })
    }

    /// Whether everybody may ask, because nobody is named.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }
}

/// The comparisons.
pub struct Checks {
    one_at_a_time: Semaphore,
    // A std mutex: nothing is awaited while it is held.
    remembered: Mutex<Remembered>,
    compare: Arc<Compare>,
}

impl fmt::Debug for Checks {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Checks")
    }
}

impl Default for Checks {
    fn default() -> Self {
        Self::with(Arc::new(|password, hash| {
            bcrypt::verify(password, hash).unwrap_or(false)
        }))
    }
}

impl Checks {
    fn with(compare: Arc<Compare>) -> Self {
        Self {
            one_at_a_time: Semaphore::new(1),
            remembered: Mutex::default(),
            compare,
        }
    }

    /// Whether somebody is one of the users.
    pub async fn admit(&self, users: &Users, name: &str, password: &str) -> bool {
        let known = users.hashes.get(name);
        let hash = known.unwrap_or(&users.slowest);
        // A stranger may become a user with that very hash, and the other way round.
        let standing = if known.is_some() { "user" } else { "stranger" };
        let key = Remembered::key([standing, name, hash, password]);
        if let Some(outcome) = self.remembered(&key) {
            return outcome;
        }
        let Ok(_turn) = self.one_at_a_time.acquire().await else {
            return false;
        };
        // Somebody with the same password may have been before.
        if let Some(outcome) = self.remembered(&key) {
            return outcome;
        }
        let compare = Arc::clone(&self.compare);
        let (hash, password) = (hash.clone(), password.to_owned());
        let equal = tokio::task::spawn_blocking(move || compare(&password, &hash)).await;
        let outcome = known.is_some() && equal.unwrap_or(false);
        let mut remembered = self
            .remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        remembered.add(key, outcome);
        outcome
    }

    fn remembered(&self, key: &Key) -> Option<bool> {
        let remembered = self.remembered.lock();
        remembered
            .unwrap_or_else(PoisonError::into_inner)
            .outcome(key)
    }
}

/// What stands for a name, the hash and the password; the password cannot be read from it.
type Key = [u8; 32];

/// Outcomes. Wrong passwords do not displace right ones, however many are tried.
#[derive(Default)]
struct Remembered {
    right: VecDeque<Key>,
    wrong: VecDeque<Key>,
}

impl Remembered {
    fn key(parts: [&str; 4]) -> Key {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update(part.len().to_le_bytes());
            digest.update(part);
        }
        digest.finalize().into()
    }

    fn outcome(&self, key: &Key) -> Option<bool> {
        if self.right.contains(key) {
            return Some(true);
        }
        self.wrong.contains(key).then_some(false)
    }

    fn add(&mut self, key: Key, outcome: bool) {
        let keys = if outcome {
            &mut self.right
        } else {
            &mut self.wrong
        };
        if keys.len() >= MOST_REMEMBERED {
            keys.pop_front();
        }
        keys.push_back(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was compared: passwords and hashes.
    type Calls = Arc<Mutex<Vec<(String, String)>>>;

    /// Users whose passwords are their names, and comparisons that are counted.
    fn counted() -> (Users, Checks, Calls) {
        let hash = |name: &str, cost| {
            let hash = bcrypt::hash(name, cost).expect("it can be hashed");
            (name.to_owned(), hash)
        };
        let users = BTreeMap::from([hash("alice", 5), hash("bob", 4)]);
        let calls = Calls::default();
        let counted = Arc::clone(&calls);
        let checks = Checks::with(Arc::new(move |password, hash| {
            let call = (password.to_owned(), hash.to_owned());
            counted.lock().expect("nothing panicked").push(call);
            bcrypt::verify(password, hash).unwrap_or(false)
        }));
        let users = Users::new(users).expect("the hashes are bcrypt's");
        (users, checks, calls)
    }

    #[tokio::test]
    async fn strangers_cost_a_comparison_with_the_slowest_hash_and_are_never_admitted() {
        let (users, checks, calls) = counted();
        assert!(!checks.admit(&users, "alice", "wrong").await);
        assert!(!checks.admit(&users, "mallory", "wrong").await);
        // Even with a password that belongs to the hash.
        assert!(!checks.admit(&users, "mallory", "alice").await);
        let hash = users.hashes["alice"].clone();
        let call = |password: &str| (password.to_owned(), hash.clone());
        assert_eq!(
            *calls.lock().expect("nothing panicked"),
            [call("wrong"), call("wrong"), call("alice")]
        );
    }

    #[tokio::test]
    async fn the_same_password_is_compared_once_whether_right_or_wrong() {
        let (users, checks, calls) = counted();
        for _ in 0..3 {
            assert!(checks.admit(&users, "alice", "alice").await);
            assert!(!checks.admit(&users, "bob", "wrong").await);
            assert!(!checks.admit(&users, "mallory", "wrong").await);
        }
        assert_eq!(calls.lock().expect("nothing panicked").len(), 3);
    }

    #[tokio::test]
    async fn whoever_was_a_user_is_none_when_the_file_names_somebody_else_with_the_same_hash() {
        let (users, checks, _) = counted();
        let hash = users.hashes["alice"].clone();
        let only = |name: &str| {
            let hashes = BTreeMap::from([(name.to_owned(), hash.clone())]);
            Users::new(hashes).expect("it is bcrypt's")
        };
        for name in ["alice", "bob", "alice"] {
            for asking in ["alice", "bob"] {
                let admitted = checks.admit(&only(name), asking, "alice").await;
                assert_eq!(admitted, name == asking, "{asking} where {name} is named");
            }
        }
    }

    #[tokio::test]
    async fn a_changed_hash_is_compared_anew() {
        let (users, checks, calls) = counted();
        assert!(checks.admit(&users, "bob", "bob").await);
        let hash = bcrypt::hash("new", 4).expect("it can be hashed");
        let users = Users::new(BTreeMap::from([("bob".to_owned(), hash)])).expect("it is bcrypt's");
        assert!(!checks.admit(&users, "bob", "bob").await);
        assert!(checks.admit(&users, "bob", "new").await);
        assert_eq!(calls.lock().expect("nothing panicked").len(), 3);
    }

    #[test]
    fn wrong_passwords_displace_each_other_but_no_right_one() {
        let mut remembered = Remembered::default();
        let key = |number: usize| Remembered::key(["user", "name", "hash", &number.to_string()]);
        remembered.add(key(0), true);
        for number in 1..=MOST_REMEMBERED + 1 {
            remembered.add(key(number), false);
        }
        assert_eq!(remembered.outcome(&key(0)), Some(true));
        assert_eq!(remembered.outcome(&key(1)), None);
        assert_eq!(remembered.outcome(&key(2)), Some(false));
        assert_eq!(remembered.wrong.len(), MOST_REMEMBERED);
    }
}
