//! What a collector's query is given: the context of its queries, and what is licensed.

use std::ops::{Deref, DerefMut};

use super::license::Grants;
use super::license::reader::LicenseReader;
use crate::mongodb::QueryContext;

/// One reading of one collector. Collectors that do not depend on the license take the [`QueryContext`] alone.
pub struct CollectorContext<'a> {
    query: QueryContext<'a>,
    /// What reads the license.
    pub licenses: &'a LicenseReader,
    /// The modules that count as licensed; only set for collectors that need them.
    pub grants: Grants,
}

impl<'a> CollectorContext<'a> {
    /// A context without grants.
    pub fn new(query: QueryContext<'a>, licenses: &'a LicenseReader) -> Self {
        Self {
            query,
            licenses,
            grants: Grants::None,
        }
    }

    /// The context of the queries.
    pub fn into_query(self) -> QueryContext<'a> {
        self.query
    }
}

impl<'a> Deref for CollectorContext<'a> {
    type Target = QueryContext<'a>;

    fn deref(&self) -> &Self::Target {
        &self.query
    }
}

impl DerefMut for CollectorContext<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.query
    }
}
