//! Rocket.Chat's presence: computed from a user's connections and chosen status.

use super::random::Random;

/// Consistent presence fields of a user, and the states of the connections.
#[derive(Clone, Debug)]
pub(super) struct Presence {
    /// The status that others see.
    pub(super) status: &'static str,
    /// The best state of all connections.
    pub(super) connection: &'static str,
    /// The status that the user chose; `offline` means invisible.
    pub(super) default: &'static str,
    pub(super) connections: Vec<&'static str>,
}

impl Presence {
    pub(super) fn new(default: &'static str, connections: Vec<&'static str>) -> Self {
        let connection = if connections.contains(&"online") {
            "online"
        } else {
            connections.last().copied().unwrap_or("offline")
        };
        Self {
            status: effective(connection, default),
            connection,
            default,
            connections,
        }
    }

    /// The presence of a random connected user.
    pub(super) fn connected(random: &mut Random) -> Self {
        let default = *random.pick(&[
            "online", "online", "online", "online", "online", "online", "online", "online",
            "online", "online", "online", "online", "busy", "busy", "busy", "away", "offline",
        ]);
        let states = ["online", "online", "online", "away"];
        let count = *random.pick(&[1, 1, 1, 1, 2, 2, 3]);
        Self::new(default, (0..count).map(|_| *random.pick(&states)).collect())
    }

    pub(super) fn disconnected(random: &mut Random) -> Self {
        let default = *random.pick(&[
            "online", "online", "online", "online", "online", "online", "busy", "away", "offline",
        ]);
        Self::new(default, Vec::new())
    }
}

/// The status that others see, from the state of the connections and the chosen status.
pub(super) fn effective<'a>(connection: &'a str, default: &'a str) -> &'a str {
    if connection == "offline" || default == "online" {
        connection
    } else {
        default
    }
}
