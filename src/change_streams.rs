//! Change streams instead of counting everything again: what is kept of each document, and the counters of it. What is kept
//! the collectors declare in their `live.rs`; when the streams are polled is up to the scheduler.

pub mod change_batch;
pub mod event_stream;
pub mod followed_collection;
pub mod followed_field;
pub mod follower;
pub mod id_hasher;
pub mod lateness;
pub mod live_error;
pub mod member_status;
pub mod oplog;
pub mod packed_row;
pub mod packed_table;
pub mod pipeline;
pub mod reads;
pub mod resume_token;
pub mod session_connections;
pub mod shared_oplog;
pub mod stream;
pub mod tracked_collection;
pub mod tracked_documents;

pub use followed_collection::{FollowedCollections, SessionOwners, Tracking, merge};
pub use followed_field::{Extract, FollowedField, finds, is_text, number};
pub use follower::{CatchUp, Follower, names_of};
pub use lateness::Lateness;
pub use live_error::LiveError;
pub use packed_row::{Bits, PackedRow};
pub use shared_oplog::SharedOplogs;
pub use tracked_collection::TrackedCollection;
pub use tracked_documents::TrackedDocuments;
