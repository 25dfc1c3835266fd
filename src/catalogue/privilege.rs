//! What a collector must be allowed to do on MongoDB.

/// An action on a collection, or on the server, and when a collector needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Privilege {
    /// The database; `None` for the workspace's.
    pub database: Option<&'static str>,
    /// The collection; `None` for the server.
    pub collection: Option<&'static str>,
    /// The action, as MongoDB names it in a role.
    pub action: &'static str,
    /// When the collector needs it.
    pub necessity: Necessity,
}

/// When a privilege is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Necessity {
    /// Always: the collector fails without it.
    Required,
    /// Only when the license grants this module.
    Licensed(&'static str),
    /// Never: without it some metrics are absent.
    Optional,
    /// Only for Rocket.Chat before 3.2.
    Before3_2,
}

impl Privilege {
    const fn on_collection(collection: &'static str, action: &'static str) -> Self {
        Self {
            database: None,
            collection: Some(collection),
            action,
            necessity: Necessity::Required,
        }
    }

    /// Reading a collection.
    pub const fn find(collection: &'static str) -> Self {
        Self::on_collection(collection, "find")
    }

    /// Listing the indexes of a collection, to run a query by one of them.
    pub const fn list_indexes(collection: &'static str) -> Self {
        Self::on_collection(collection, "listIndexes")
    }

    /// Reading the sizes of a collection.
    pub const fn coll_stats(collection: &'static str) -> Self {
        Self::on_collection(collection, "collStats")
    }

    /// Following the changes of a collection.
    pub const fn change_stream(collection: &'static str) -> Self {
        Self::on_collection(collection, "changeStream")
    }

    /// An action on the server.
    pub const fn on_server(action: &'static str) -> Self {
        Self {
            collection: None,
            ..Self::on_collection("", action)
        }
    }

    /// The same in another database than the workspace's.
    pub const fn in_database(self, database: &'static str) -> Self {
        Self {
            database: Some(database),
            ..self
        }
    }

    /// The same, without which the collector still succeeds.
    pub const fn optional(self) -> Self {
        Self {
            necessity: Necessity::Optional,
            ..self
        }
    }

    /// The same, needed only when the license grants a module.
    pub const fn licensed(self, module: &'static str) -> Self {
        Self {
            necessity: Necessity::Licensed(module),
            ..self
        }
    }

    /// The same, needed only for Rocket.Chat before 3.2.
    pub const fn before_3_2(self) -> Self {
        Self {
            necessity: Necessity::Before3_2,
            ..self
        }
    }
}
