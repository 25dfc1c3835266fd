//! The rule by which Rocket.Chat shows people: from their connections and what they chose.

use super::random::Random;

/// A consistent triple of presence fields, and the states of the connections behind it.
#[derive(Clone, Debug)]
pub(super) struct Presence {
    /// What others see.
    pub(super) status: &'static str,
    /// The best of the connections.
    pub(super) connection: &'static str,
    /// What the person chose; `offline` is being invisible.
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

    /// A connected person in every tenth of the combinations one meets on a working day.
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

/// What others see of a connection state and a choice.
pub(super) fn effective<'a>(connection: &'a str, default: &'a str) -> &'a str {
    if connection == "offline" || default == "online" {
        connection
    } else {
        default
    }
}
