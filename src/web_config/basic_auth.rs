//! Basic authentication: users and the bcrypt hashes of their passwords.
//!
//! bcrypt is slow on purpose. So passwords are compared one at a time on a blocking thread, and the last outcomes are
//! cached: a scrape with a known password does not wait. Unknown users are compared with a hash too, so that the response
//! time reveals no user names.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use bcrypt::HashParts;
use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;

use super::fair_lock::FairLock;

/// Maximum number of cached outcomes of each kind.
const MAX_CACHED: usize = 100;

/// Costs of a hash. Each step doubles the time: a comparison takes seconds at 16 and a day at 31, and others wait.
const COSTS: RangeInclusive<u32> = 4..=16;

/// Compares a password with a hash. Tests count the calls.
type Compare = dyn Fn(&str, &str) -> bool + Send + Sync;

/// The users that may log in.
#[derive(Default)]
pub struct BasicAuthUsers {
    hashes: HashMap<String, String>,
    /// The hash of the highest cost; the passwords of unknown users are compared with it.
    slowest: String,
}

impl fmt::Debug for BasicAuthUsers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.hashes.keys()).finish()
    }
}

impl BasicAuthUsers {
    /// PasswordVerifier the hashes.
    pub fn new(hashes: BTreeMap<String, String>) -> Result<Self, String> {
        let mut slowest = (0, String::new());
        for (name, hash) in &hashes {
            let problem = |reason: &dyn fmt::Display| {
                format!("basic_auth_users.{name}: not a hash made by bcrypt: {reason}")
            };
            let parts = HashParts::from_str(hash).map_err(|reason| problem(&reason))?;
            let cost = parts.get_cost();
            if !COSTS.contains(&cost) {
                let (min, max) = (COSTS.start(), COSTS.end());
                return Err(problem(&format!(
                    "its cost is {cost}; expected a cost from {min} to {max}"
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

    /// Whether there are none, so that no login is needed.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }
}

/// Verifies passwords.
pub struct PasswordVerifier {
    lock: Arc<FairLock>,
    // A std mutex: nothing is awaited while it is held.
    cache: Arc<Mutex<OutcomeCache>>,
    compare: Arc<Compare>,
}

impl fmt::Debug for PasswordVerifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PasswordVerifier")
    }
}

impl Default for PasswordVerifier {
    fn default() -> Self {
        Self::with(Arc::new(|password, hash| {
            bcrypt::verify(password, hash).unwrap_or(false)
        }))
    }
}

impl PasswordVerifier {
    fn with(compare: Arc<Compare>) -> Self {
        Self {
            lock: Arc::default(),
            cache: Arc::default(),
            compare,
        }
    }

    /// Whether a user with this name and password exists. `network` is that of the client.
    pub async fn verify(
        &self,
        users: &BasicAuthUsers,
        name: &str,
        password: &str,
        network: IpAddr,
    ) -> bool {
        let hash = users.hashes.get(name);
        let is_user = hash.is_some();
        let hash = hash.unwrap_or(&users.slowest);
        // An unknown name may become that of a user with this hash, and the other way round.
        let kind = if is_user { "user" } else { "unknown" };
        let key = OutcomeCache::key([kind, name, hash, password]);
        if let Some(outcome) = self.cached(&key) {
            return outcome;
        }
        let guard = self.lock.lock(network).await;
        // The same password may have been compared in the meantime.
        if let Some(outcome) = self.cached(&key) {
            return outcome;
        }
        let compare = Arc::clone(&self.compare);
        let cache = Arc::clone(&self.cache);
        let (hash, password) = (hash.clone(), password.to_owned());
        // The lock is held until the end of the comparison, even if the client disconnects.
        let compared = spawn_blocking(move || {
            let outcome = compare(&password, &hash) && is_user;
            let mut cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
            cache.add(key, outcome);
            drop((cache, guard));
            outcome
        });
        compared.await.unwrap_or(false)
    }

    fn cached(&self, key: &OutcomeKey) -> Option<bool> {
        let cache = self.cache.lock();
        cache.unwrap_or_else(PoisonError::into_inner).outcome(key)
    }
}

/// A digest of name, hash and password.
type OutcomeKey = [u8; 32];

/// The last outcomes. Wrong passwords do not evict right ones.
#[derive(Default)]
struct OutcomeCache {
    right: VecDeque<OutcomeKey>,
    wrong: VecDeque<OutcomeKey>,
}

impl OutcomeCache {
    fn key(parts: [&str; 4]) -> OutcomeKey {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update(part.len().to_le_bytes());
            digest.update(part);
        }
        digest.finalize().into()
    }

    fn outcome(&self, key: &OutcomeKey) -> Option<bool> {
        if self.right.contains(key) {
            return Some(true);
        }
        self.wrong.contains(key).then_some(false)
    }

    fn add(&mut self, key: OutcomeKey, outcome: bool) {
        let keys = if outcome {
            &mut self.right
        } else {
            &mut self.wrong
        };
        if keys.len() >= MAX_CACHED {
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

    /// The passwords and hashes that were compared.
    type Comparisons = Arc<Mutex<Vec<(String, String)>>>;

    /// Users whose passwords are their names, and a record of all comparisons.
    fn counted() -> (BasicAuthUsers, PasswordVerifier, Comparisons) {
        let hash = |name: &str, cost| {
            let hash = bcrypt::hash(name, cost).expect("it can be hashed");
            (name.to_owned(), hash)
        };
        let users = BTreeMap::from([hash("alice", 5), hash("bob", 4)]);
        let calls = Comparisons::default();
        let counted = Arc::clone(&calls);
        let verifier = PasswordVerifier::with(Arc::new(move |password, hash| {
            let call = (password.to_owned(), hash.to_owned());
            counted.lock().expect("nothing panicked").push(call);
            bcrypt::verify(password, hash).unwrap_or(false)
        }));
        let users = BasicAuthUsers::new(users).expect("the hashes are bcrypt's");
        (users, verifier, calls)
    }

    const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[tokio::test]
    async fn cached_password_waits_for_no_comparison() {
        let hash = bcrypt::hash("alice", 4).expect("it can be hashed");
        let users = BasicAuthUsers::new(BTreeMap::from([("alice".to_owned(), hash)]));
        let users = users.expect("the hash is bcrypt's");
        let (go_on, wait) = std::sync::mpsc::channel::<()>();
        let wait = Mutex::new(wait);
        let verifier = PasswordVerifier::with(Arc::new(move |password, _| {
            let is_right = password == "alice";
            // Comparing a wrong password takes until the end of the test.
            is_right || wait.lock().expect("nothing panicked").recv().is_ok()
        }));
        assert!(verifier.verify(&users, "alice", "alice", HOME).await);
        {
            let wrong = verifier.verify(&users, "alice", "wrong", HOME);
            let many = (0..100).map(|number| number.to_string());
            let many: Vec<_> = many.collect();
            let waiting = many
                .iter()
                .map(|name| verifier.verify(&users, name, name, HOME));
            let waiting = futures_util::future::join_all(waiting);
            let known = async {
                tokio::task::yield_now().await;
                verifier.verify(&users, "alice", "alice", HOME).await
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
    async fn disconnected_client_holds_the_lock_until_its_comparison_ends() {
        let (users, ..) = counted();
        let running = AtomicU32::new(0);
        let most = Arc::new(AtomicU32::new(0));
        let highest = Arc::clone(&most);
        let verifier = PasswordVerifier::with(Arc::new(move |_, _| {
            highest.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
            std::thread::sleep(Duration::from_millis(5));
            running.fetch_sub(1, SeqCst);
            false
        }));
        for number in 0..20 {
            let name = number.to_string();
            let leaves = verifier.verify(&users, &name, &name, HOME);
            drop(tokio::time::timeout(Duration::from_millis(1), leaves).await);
        }
        assert!(!verifier.verify(&users, "last", "last", HOME).await);
        assert_eq!(most.load(SeqCst), 1);
    }

    #[tokio::test]
    async fn unknown_users_are_compared_with_the_slowest_hash_and_refused() {
        let (users, verifier, calls) = counted();
        assert!(!verifier.verify(&users, "alice", "wrong", HOME).await);
        assert!(!verifier.verify(&users, "mallory", "wrong", HOME).await);
        // Even with the password of the hash.
        assert!(!verifier.verify(&users, "mallory", "alice", HOME).await);
        let hash = users.hashes["alice"].clone();
        let call = |password: &str| (password.to_owned(), hash.clone());
        assert_eq!(
            *calls.lock().expect("nothing panicked"),
            [call("wrong"), call("wrong"), call("alice")]
        );
    }

    #[tokio::test]
    async fn same_password_is_compared_once() {
        let (users, verifier, calls) = counted();
        for _ in 0..3 {
            assert!(verifier.verify(&users, "alice", "alice", HOME).await);
            assert!(!verifier.verify(&users, "bob", "wrong", HOME).await);
            assert!(!verifier.verify(&users, "mallory", "wrong", HOME).await);
        }
        assert_eq!(calls.lock().expect("nothing panicked").len(), 3);
    }

    #[tokio::test]
    async fn renamed_user_with_the_same_hash_is_another_user() {
        let (users, verifier, _) = counted();
        let hash = users.hashes["alice"].clone();
        let only = |name: &str| {
            let hashes = BTreeMap::from([(name.to_owned(), hash.clone())]);
            BasicAuthUsers::new(hashes).expect("it is bcrypt's")
        };
        for name in ["alice", "bob", "alice"] {
            for client in ["alice", "bob"] {
                let admitted = verifier.verify(&only(name), client, "alice", HOME).await;
                assert_eq!(admitted, name == client, "{client} if {name} is configured");
            }
        }
    }

    #[tokio::test]
    async fn changed_hash_is_compared_again() {
        let (users, verifier, calls) = counted();
        assert!(verifier.verify(&users, "bob", "bob", HOME).await);
        let hash = bcrypt::hash("new", 4).expect("it can be hashed");
        let users = BasicAuthUsers::new(BTreeMap::from([("bob".to_owned(), hash)]))
            .expect("it is bcrypt's");
        assert!(!verifier.verify(&users, "bob", "bob", HOME).await);
        assert!(verifier.verify(&users, "bob", "new", HOME).await);
        assert_eq!(calls.lock().expect("nothing panicked").len(), 3);
    }

    #[test]
    fn wrong_passwords_do_not_evict_right_ones() {
        let mut cache = OutcomeCache::default();
        let key = |number: usize| OutcomeCache::key(["user", "name", "hash", &number.to_string()]);
        cache.add(key(0), true);
        for number in 1..=MAX_CACHED + 1 {
            cache.add(key(number), false);
        }
        assert_eq!(cache.outcome(&key(0)), Some(true));
        assert_eq!(cache.outcome(&key(1)), None);
        assert_eq!(cache.outcome(&key(2)), Some(false));
        assert_eq!(cache.wrong.len(), MAX_CACHED);
    }
}
