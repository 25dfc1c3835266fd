//! Following a workspace's changes instead of counting everything again: what is kept of each document, and how the
//! counters come of it. The questions to the database are in [`super::mongo`], the times of them in the sampler.

mod fields;
mod follower;
mod lateness;
mod pipeline;
mod sessions;
mod state;
mod table;

pub use fields::Followed;
pub use follower::{Caught, Follower, names};
pub use lateness::Lateness;
pub use pipeline::{changes, filter, projection};
pub use state::{Keys, Readings, State, Unclear, invalidates, subject};
