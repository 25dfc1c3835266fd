//! What a request carries.

/// What a request carries, where that is a form as short as it has to be.
#[derive(Debug, Clone)]
pub struct Form(pub Vec<u8>);
