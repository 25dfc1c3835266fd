//! Request handlers outside Rocket.Chat's API and the Info page.

pub mod metrics;
pub mod readiness;
pub mod reload;
pub mod service_discovery;
