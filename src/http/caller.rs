//! Who sends a request.

use std::net::IpAddr;
use std::sync::Arc;

use hyper::Request;
use hyper::body::Incoming;

use super::connection::{Admitted, Connection};

/// What is known of whoever asks.
#[derive(Clone)]
pub struct Caller {
    /// The address.
    pub address: IpAddr,
    /// The connection.
    pub connection: Arc<Connection>,
}

/// Works on from here for somebody who has logged in to the workspace.
pub fn admit(request: &Request<Incoming>) -> Option<Admitted> {
    let caller = request.extensions().get::<Caller>()?;
    Some(caller.connection.admit())
}
