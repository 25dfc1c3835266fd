//! What answers a request that is no part of the API and of the Info page.

pub mod landing;
pub mod metrics;
pub mod readiness;
pub mod reload;
pub mod service_discovery;
