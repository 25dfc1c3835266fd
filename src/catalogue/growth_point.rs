//! How a workspace grew, by the statistics documents that it stored.

use super::value::Timestamp;

/// What one stored document says; `None` where it does not say it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GrowthPoint {
    /// When it was stored.
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
