//! The growth of a workspace, from its stored statistics documents.

use super::value::Timestamp;

/// Numbers of one stored document; `None` where it has none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GrowthPoint {
    /// Time when it was stored.
    pub at: Timestamp,
    /// `totalUsers`.
    pub users: Option<f64>,
    /// `activeUsers`.
    pub active_users: Option<f64>,
    /// `totalRooms`.
    pub rooms: Option<f64>,
    /// `totalMessages`.
    pub messages: Option<f64>,
    /// `uploadsTotal`.
    pub uploads: Option<f64>,
    /// `uploadsTotalSize`.
    pub upload_bytes: Option<f64>,
}
