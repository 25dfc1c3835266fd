//! The client that sends a request.

use std::net::IpAddr;
use std::sync::Arc;

use hyper::Request;
use hyper::body::Incoming;

use super::connection::{ClientConnection, WorkGuard};

/// The client of a request.
#[derive(Clone)]
pub struct Caller {
    /// The client's address.
    pub address: IpAddr,
    /// The connection that the request came over.
    pub connection: Arc<ClientConnection>,
}

/// Marks the connection of an authenticated request as worked for.
pub fn begin_work(request: &Request<Incoming>) -> Option<WorkGuard> {
    let caller = request.extensions().get::<Caller>()?;
    Some(caller.connection.begin_work())
}
