//! Following a workspace's changes instead of counting everything again: what is kept of each document, and how the
//! counters come of it. The questions to the database are in [`crate::mongodb`], the times of them in the sampler.

pub mod fields;
pub mod follower;
pub mod id_hasher;
pub mod lateness;
pub mod packed_table;
pub mod pipeline;
pub mod position;
pub mod sessions;
pub mod state;
pub mod stream;

pub use fields::{
    AMOUNT, Field, Packed, WatchedCollection, amount, bits, existence, field, flag, number, truth,
    within,
};
pub use follower::{CatchUp, Follower, names};
pub use lateness::Lateness;
pub use packed_table::Row;
pub use state::State;
pub use stream::LiveError;
