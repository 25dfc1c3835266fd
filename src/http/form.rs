//! The form in a request's body.

/// A URL-encoded form, as an extension of its request; empty when it is too long.
#[derive(Debug, Clone)]
pub struct Form(pub Vec<u8>);
