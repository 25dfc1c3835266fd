//! The sections that follow from what is known of the documents.

use std::collections::BTreeMap;

use mongodb::bson::RawBsonRef;

use super::State;
use crate::sources::live::fields::{Followed, room, user};
use crate::sources::live::table::Row;
use crate::statistics::{
    AccountKind, AccountState, Accounts, Connections, Instances, Presence, Presences, RoomGroup,
    RoomKind, Rooms, Uploads, Users,
};

impl State {
    /// Users by presence.
    pub fn presence(&self) -> Option<Presence> {
        let users = self.collections.get(&Followed::Users)?;
        let by = |mask: Row, place: u32| {
            let with = |state: Row| users.count(|class| (class & mask) >> place == state);
            Presences {
                online: with(user::ONLINE),
                away: with(user::AWAY),
                busy: with(user::BUSY),
            }
        };
        Some(Presence {
            accounts: users.rows.len() as u64,
            shown: by(user::STATUS, 0),
            connected: by(user::CONNECTION, 2),
        })
    }

    /// Users by kind and state.
    pub fn users(&self) -> Option<Users> {
        let users = self.collections.get(&Followed::Users)?;
        let mut counts: BTreeMap<Row, u64> = BTreeMap::new();
        for (class, documents) in users.classes() {
            *counts
                .entry(class & !(user::STATUS | user::CONNECTION))
                .or_default() += documents;
        }
        let accounts = counts.into_iter().map(|(class, count)| Accounts {
            kind: match class & user::KIND {
                user::BOT => AccountKind::Bot,
                user::APP => AccountKind::App,
                _ => AccountKind::User,
            },
            state: match class & user::STATE {
                user::ACTIVATED => AccountState::Activated,
                user::DEACTIVATED => AccountState::Deactivated,
                _ => AccountState::Unset,
            },
            guest: class & user::GUEST != 0,
            remote: class & user::REMOTE != 0,
            federated: class & user::FEDERATED != 0,
            count,
        });
        Some(Users {
            accounts: accounts.collect(),
        })
    }

    /// Rooms by kind.
    pub fn rooms(&self) -> Option<Rooms> {
        let rooms = self.collections.get(&Followed::Rooms)?;
        let mut groups = Vec::new();
        for (class, kind) in [
            (room::CHANNEL, RoomKind::Channel),
            (room::PRIVATE_GROUP, RoomKind::PrivateGroup),
            (room::DIRECT, RoomKind::Direct),
            (room::LIVECHAT, RoomKind::Livechat),
            (room::VOIP, RoomKind::Voip),
            (0, RoomKind::Other),
        ] {
            for parent in [0, room::NAMES_PARENT] {
                let belongs =
                    |it: Row| it & room::KIND == class && it & room::NAMES_PARENT == parent;
                let number = rooms.count(belongs);
                if number > 0 {
                    groups.push(RoomGroup {
                        kind,
                        discussion: parent != 0,
                        rooms: number,
                        messages: rooms.amount(belongs),
                    });
                }
            }
        }
        Some(Rooms {
            groups,
            discussions: rooms.count(|class| class & room::HAS_PARENT != 0),
        })
    }

    /// Connections to the instances that live.
    pub fn connections(&self, instances: &Instances) -> Option<Connections> {
        let live = instances.live();
        let live = live.map(|it| self.keys.of(RawBsonRef::String(&it.id)));
        Some(self.sessions.as_ref()?.connections(&live.collect()))
    }

    /// Files and their sizes.
    pub fn uploads(&self) -> Option<Uploads> {
        let uploads = self.collections.get(&Followed::Uploads)?;
        Some(Uploads {
            files: uploads.rows.len() as u64,
            bytes: uploads.amount(|_| true),
        })
    }
}
