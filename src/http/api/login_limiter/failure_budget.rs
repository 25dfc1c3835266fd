//! The number of logins that may fail, from each network and in total.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::http::api::bounded_map::make_room;

/// Networks that are kept; beyond it the one with the least debt is dropped.
pub const MAX_NETWORKS: usize = 4096;

/// A burst of failures, and the time in which one of them is forgiven.
#[derive(Debug, Clone, Copy)]
pub struct Allowance {
    /// Failures at once.
    pub burst: u32,
    /// The time until one further failure is allowed.
    pub interval: Duration,
}

/// Counts failures.
#[derive(Debug)]
pub struct FailureBudget {
    network_allowance: Allowance,
    total_allowance: Allowance,
    pub networks: HashMap<IpAddr, Debt>,
    total: Debt,
}

/// The time when all failures so far are forgiven.
#[derive(Debug, Clone, Copy, Default)]
pub struct Debt(Option<Instant>);

impl FailureBudget {
    pub fn new(network_allowance: Allowance, total_allowance: Allowance) -> Self {
        Self {
            network_allowance,
            total_allowance,
            networks: HashMap::new(),
            total: Debt::default(),
        }
    }

    /// Charges a failure.
    ///
    /// # Errors
    /// When the budget is exhausted; returns the time until it is not.
    pub fn charge(&mut self, network: IpAddr, now: Instant) -> Result<(), Duration> {
        let of_network = self.networks.get(&network).copied().unwrap_or_default();
        let waits = [
            of_network.wait(self.network_allowance, now),
            self.total.wait(self.total_allowance, now),
        ];
        if let Some(wait) = waits.into_iter().flatten().max() {
            return Err(wait);
        }
        let is_paid = |debt: &Debt| debt.0 <= Some(now);
        make_room(
            &mut self.networks,
            &network,
            MAX_NETWORKS,
            is_paid,
            |debt| debt.0,
        );
        let of_network = self.networks.entry(network).or_default();
        of_network.grow(self.network_allowance, now);
        self.total.grow(self.total_allowance, now);
        Ok(())
    }

    /// Takes a charge back.
    pub fn refund(&mut self, network: IpAddr) {
        self.total.shrink(self.total_allowance);
        if let Some(of_network) = self.networks.get_mut(&network) {
            of_network.shrink(self.network_allowance);
        }
    }
}

impl Debt {
    /// The time until one more failure is allowed; `None` when it is now.
    fn wait(self, allowance: Allowance, now: Instant) -> Option<Duration> {
        let left = self.0?.saturating_duration_since(now);
        let tolerated = allowance.interval * allowance.burst.saturating_sub(1);
        left.checked_sub(tolerated).filter(|wait| !wait.is_zero())
    }

    fn grow(&mut self, allowance: Allowance, now: Instant) {
        self.0 = Some(self.0.map_or(now, |at| at.max(now)) + allowance.interval);
    }

    fn shrink(&mut self, allowance: Allowance) {
        self.0 = self.0.and_then(|at| at.checked_sub(allowance.interval));
    }
}
