//! Keeps a map of clients within a size, however many clients there are.

use std::collections::HashMap;
use std::hash::Hash;

/// Makes room for a key in a map of at most `max` entries: removes expired entries, else the one of the least rank.
pub fn make_room<K: Copy + Eq + Hash, V, R: Ord>(
    map: &mut HashMap<K, V>,
    key: &K,
    max: usize,
    is_expired: impl Fn(&V) -> bool,
    rank: impl Fn(&V) -> R,
) {
    if map.len() < max || map.contains_key(key) {
        return;
    }
    map.retain(|_, value| !is_expired(value));
    if map.len() >= max {
        let least = map.iter().min_by_key(|(_, value)| rank(value));
        if let Some(least) = least.map(|(key, _)| *key) {
            map.remove(&least);
        }
    }
}
