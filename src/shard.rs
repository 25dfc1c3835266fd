//! Which workspaces one of several exporters reads: `--shard` and `--total-shards`.
//!
//! Each exporter decides by itself, from the names alone, so that no exporter needs to know another one.

use sha2::{Digest, Sha256};

/// The place of an exporter among others that together read all workspaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// The ordinal, from 0.
    pub ordinal: u32,
    /// The number of exporters.
    pub total: u32,
}

impl Shard {
    /// Whether this exporter reads a workspace.
    pub fn owns(self, workspace: &str) -> bool {
        jump_hash(key(workspace), self.total) == self.ordinal
    }
}

/// The key of a name, the same on every machine and in every version.
fn key(workspace: &str) -> u64 {
    let digest: [u8; 32] = Sha256::digest(workspace).into();
    let (first, _) = digest.split_at(8);
    first
        .iter()
        .fold(0, |key, byte| key << 8 | u64::from(*byte))
}

/// The bucket of a key by jump consistent hash (Lamping and Veach, 2014): with one more bucket a key stays where it is or moves
/// to the new one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a bucket is positive, and below the number of buckets where it is used"
)]
fn jump_hash(mut key: u64, buckets: u32) -> u32 {
    let (mut bucket, mut next) = (0, 0);
    while next < u64::from(buckets) {
        bucket = next;
        key = key.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
        let jump = (1_u64 << 31) as f64 / ((key >> 33) + 1) as f64;
        next = ((bucket + 1) as f64 * jump) as u64;
    }
    bucket as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKSPACES: u32 = 5000;

    /// The shard of each workspace.
    fn shards(total: u32) -> Vec<u32> {
        let shard = |number: u32| jump_hash(key(&format!("workspace-{number}")), total);
        (0..WORKSPACES).map(shard).collect()
    }

    #[test]
    fn hash_is_that_of_other_implementations() {
        for (key, buckets, bucket) in [
            (1, 1, 0),
            (42, 57, 43),
            (0xDEAD_10CC, 1, 0),
            (0xDEAD_10CC, 666, 361),
            (256, 1024, 520),
        ] {
            assert_eq!(jump_hash(key, buckets), bucket, "{key}");
        }
    }

    #[test]
    fn each_workspace_has_one_shard_and_shards_are_of_similar_size() {
        for total in [1, 2, 3, 5, 10] {
            let by_hash = shards(total);
            for ordinal in 0..total {
                let shard = Shard { ordinal, total };
                let owned =
                    (0..WORKSPACES).filter(|number| shard.owns(&format!("workspace-{number}")));
                let owned: Vec<u32> = owned.collect();
                let expected = by_hash.iter().filter(|shard| **shard == ordinal).count();
                assert_eq!(owned.len(), expected);
                let mean = f64::from(WORKSPACES / total);
                let deviation = (owned.len() as f64 - mean).abs() / mean;
                assert!(deviation < 0.15, "{total}: {deviation}");
            }
        }
    }

    #[test]
    fn one_more_shard_takes_its_part_and_moves_nothing_else() {
        for total in [1, 3, 9] {
            let (before, after) = (shards(total), shards(total + 1));
            let pairs = before.iter().zip(&after);
            let moved: Vec<_> = pairs.filter(|(before, after)| before != after).collect();
            assert!(moved.iter().all(|(_, after)| **after == total), "{moved:?}");
            let expected = f64::from(WORKSPACES) / f64::from(total + 1);
            let deviation = (moved.len() as f64 - expected).abs() / expected;
            assert!(deviation < 0.15, "{total}: {} moved", moved.len());
        }
    }

    #[test]
    fn shard_of_a_name_never_changes() {
        let names = ["acme", "example.org", "w1"];
        let shards = names.map(|name| jump_hash(key(name), 4));
        assert_eq!(shards, [1, 1, 3]);
    }
}
