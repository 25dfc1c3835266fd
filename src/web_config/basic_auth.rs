//! Users and their passwords, of which only bcrypt's hashes are known.
//!
//! bcrypt is slow on purpose. So comparisons run one at a time and beside the threads that serve, and the last outcomes
//! are remembered: a scrape with the same password is not compared again, and does not wait for a turn. Somebody whom the
//! file does not name is compared too, so that the time tells nobody who is in it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use bcrypt::HashParts;
use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;

use super::turns::Turns;

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
    turns: Arc<Turns>,
    // A std mutex: nothing is awaited while it is held.
    remembered: Arc<Mutex<Remembered>>,
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
            turns: Arc::default(),
            remembered: Arc::default(),
            compare,
        }
    }

    /// Whether somebody is one of the users. `network` is where the request comes from.
    pub async fn admit(&self, users: &Users, name: &str, password: &str, network: IpAddr) -> bool {
        let hash = users.hashes.get(name);
        let is_user = hash.is_some();
        let hash = hash.unwrap_or(&users.slowest);
        // A stranger may become a user with that very hash, and the other way round.
        let standing = if is_user { "user" } else { "stranger" };
        let key = Remembered::key([standing, name, hash, password]);
        if let Some(outcome) = self.remembered(&key) {
            return outcome;
        }
        let turn = self.turns.take(network).await;
        // Somebody with the same password may have been before.
        if let Some(outcome) = self.remembered(&key) {
            return outcome;
        }
        let compare = Arc::clone(&self.compare);
        let remembered = Arc::clone(&self.remembered);
        let (hash, password) = (hash.clone(), password.to_owned());
        // The turn ends with the comparison, also when the client has left before.
        let compared = spawn_blocking(move || {
            let outcome = compare(&password, &hash) && is_user;
            let mut remembered = remembered.lock().unwrap_or_else(PoisonError::into_inner);
            remembered.add(key, outcome);
            drop((remembered, turn));
            outcome
        });
        compared.await.unwrap_or(false)
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
    use std::net::Ipv4Addr;
    use std::sync::atomic::AtomicU32;
    use std::sync::atomic::Ordering::SeqCst;
    use std::time::Duration;

    use super::*;

    /// What was compared: passwords and hashes.
    type RecordedCalls = Arc<Mutex<Vec<(String, String)>>>;

    /// Users whose passwords are their names, and comparisons that are counted.
    fn counted() -> (Users, Checks, RecordedCalls) {
        let hash = |name: &str, cost| {
            let hash = bcrypt::hash(name, cost).expect("it can be hashed");
            (name.to_owned(), hash)
        };
        let users = BTreeMap::from([hash("alice", 5), hash("bob", 4)]);
        let calls = RecordedCalls::default();
        let counted = Arc::clone(&calls);
        let checks = Checks::with(Arc::new(move |password, hash| {
            let call = (password.to_owned(), hash.to_owned());
            counted.lock().expect("nothing panicked").push(call);
            bcrypt::verify(password, hash).unwrap_or(false)
        }));
        let users = Users::new(users).expect("the hashes are bcrypt's");
        (users, checks, calls)
    }

    const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[tokio::test]
    async fn a_remembered_password_waits_for_no_comparison() {
        let hash = bcrypt::hash("alice", 4).expect("it can be hashed");
        let users = Users::new(BTreeMap::from([("alice".to_owned(), hash)]));
        let users = users.expect("the hash is bcrypt's");
        let (go_on, wait) = std::sync::mpsc::channel::<()>();
        let wait = Mutex::new(wait);
        let checks = Checks::with(Arc::new(move |password, _| {
            let is_right = password == "alice";
            // A wrong password takes until the test is over.
            is_right || wait.lock().expect("nothing panicked").recv().is_ok()
        }));
        assert!(checks.admit(&users, "alice", "alice", HOME).await);
        {
            let wrong = checks.admit(&users, "alice", "wrong", HOME);
            let many = (0..100).map(|number| number.to_string());
            let many: Vec<_> = many.collect();
            let waiting = many.iter().map(|it| checks.admit(&users, it, it, HOME));
            let waiting = futures_util::future::join_all(waiting);
            let known = async {
                tokio::task::yield_now().await;
                checks.admit(&users, "alice", "alice", HOME).await
            };
            tokio::select! {
                biased;
                _ = wrong => panic!("it is compared until the end"),
                _ = waiting => panic!("they wait"),
                admitted = known => assert!(admitted),
            }
        }
        drop(go_on);
    }

    #[tokio::test]
    async fn a_client_that_leaves_while_it_is_compared_gives_no_second_comparison_its_turn() {
        let (users, ..) = counted();
        let running = AtomicU32::new(0);
        let most = Arc::new(AtomicU32::new(0));
        let highest = Arc::clone(&most);
        let checks = Checks::with(Arc::new(move |_, _| {
            highest.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
            std::thread::sleep(Duration::from_millis(5));
            running.fetch_sub(1, SeqCst);
            false
        }));
        for number in 0..20 {
            let name = number.to_string();
            let leaves = checks.admit(&users, &name, &name, HOME);
            drop(tokio::time::timeout(Duration::from_millis(1), leaves).await);
        }
        assert!(!checks.admit(&users, "last", "last", HOME).await);
        assert_eq!(most.load(SeqCst), 1);
    }

    #[tokio::test]
    async fn strangers_cost_a_comparison_with_the_slowest_hash_and_are_never_admitted() {
        let (users, checks, calls) = counted();
        assert!(!checks.admit(&users, "alice", "wrong", HOME).await);
        assert!(!checks.admit(&users, "mallory", "wrong", HOME).await);
        // Even with a password that belongs to the hash.
        assert!(!checks.admit(&users, "mallory", "alice", HOME).await);
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
            assert!(checks.admit(&users, "alice", "alice", HOME).await);
            assert!(!checks.admit(&users, "bob", "wrong", HOME).await);
            assert!(!checks.admit(&users, "mallory", "wrong", HOME).await);
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
                let admitted = checks.admit(&only(name), asking, "alice", HOME).await;
                assert_eq!(admitted, name == asking, "{asking} where {name} is named");
            }
        }
    }

    #[tokio::test]
    async fn a_changed_hash_is_compared_anew() {
        let (users, checks, calls) = counted();
        assert!(checks.admit(&users, "bob", "bob", HOME).await);
        let hash = bcrypt::hash("new", 4).expect("it can be hashed");
        let users = Users::new(BTreeMap::from([("bob".to_owned(), hash)])).expect("it is bcrypt's");
        assert!(!checks.admit(&users, "bob", "bob", HOME).await);
        assert!(checks.admit(&users, "bob", "new", HOME).await);
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
