//! The sections that follow from what is known of the documents.

use std::collections::BTreeMap;

use mongodb::bson::RawBsonRef;

use super::State;
use crate::change_streams::fields::WatchedCollection;
use crate::change_streams::packed_table::Row;
use crate::collectors::connections::Connections;
use crate::collectors::instances::Instances;
use crate::collectors::license::Grants;
use crate::collectors::presence::{Presence, Presences};
use crate::collectors::room_features::{ROOM_FEATURES, RoomFeatures};
use crate::collectors::rooms::{RoomGroup, RoomKind, Rooms, live as room};
use crate::collectors::uploads::Uploads;
use crate::collectors::user_features::{LOGIN_SERVICES, UserFeatures};
use crate::collectors::users::{AccountKind, AccountState, Accounts, Users, live as user};

/// More languages are left to the database, which knows how to add up the rest.
const MOST_LANGUAGES: usize = 1_000;

impl State {
    /// Users by presence.
    pub fn presence(&self) -> Option<Presence> {
        let users = self.collections.get(&WatchedCollection::Users)?;
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
        let users = self.collections.get(&WatchedCollection::Users)?;
        let of_accounts = user::KIND | user::STATE | user::GUEST | user::REMOTE | user::FEDERATED;
        let mut counts: BTreeMap<Row, u64> = BTreeMap::new();
        for (class, documents) in users.classes() {
            *counts.entry(class & of_accounts).or_default() += documents;
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

    /// What users have; `None` when somebody has a language that rows do not tell, or there are too many. OAuth services of the workspace's own
    /// are not among it.
    pub fn user_features(&self) -> Option<UserFeatures> {
        let users = self.collections.get(&WatchedCollection::Users)?;
        let with = |bits: Row| users.count(|class| class & bits == bits);
        if with(user::ODD_LANGUAGE) > 0 {
            return None;
        }
        let mut by_language: BTreeMap<String, u64> = BTreeMap::new();
        for (class, count) in users.classes() {
            if let Some(language) = user::language(class) {
                *by_language.entry(language).or_default() += count;
            }
        }
        if by_language.len() > MOST_LANGUAGES {
            return None;
        }
        let by_service = |(place, name)| {
            let may_log_in = users.count(|class| {
                let is_left_out = class & user::KIND == user::APP || class & user::GUEST != 0;
                class & user::STATE == user::ACTIVATED
                    && class & user::service(place) != 0
                    && !is_left_out
            });
            (name, may_log_in)
        };
        Some(UserFeatures {
            by_login_service: LOGIN_SERVICES
                .into_iter()
                .enumerate()
                .map(by_service)
                .collect(),
            with_totp: with(user::ACTIVATED | user::TOTP),
            with_email_2fa: with(user::ACTIVATED | user::EMAIL_2FA),
            custom_oauth: Vec::new(),
            with_extension: with(user::EXTENSION),
            by_language: Some(by_language.into_iter().collect()),
            accounts: users.rows.len() as u64,
        })
    }

    /// What rooms have.
    pub fn room_features(&self, grants: &Grants) -> Option<RoomFeatures> {
        let rooms = self.collections.get(&WatchedCollection::Rooms)?;
        let features = ROOM_FEATURES.into_iter().map(|(name, feature)| {
            let (has, has_not) = room::signs_of(feature)?;
            let count = rooms.count(|class| class & (has | has_not) == has);
            Some((name, count))
        });
        let may_be_left = [room::DIRECT, room::LIVECHAT, room::VOIP];
        Some(RoomFeatures {
            features: features.collect::<Option<_>>()?,
            without_counter: rooms.count(|class| class & room::WITHOUT_COUNTER != 0),
            orphaned: rooms.count(|class| {
                class & room::EMPTY != 0 && !may_be_left.contains(&(class & room::KIND))
            }),
            grants: grants.clone(),
        })
    }

    /// Rooms by kind.
    pub fn rooms(&self) -> Option<Rooms> {
        let rooms = self.collections.get(&WatchedCollection::Rooms)?;
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
        // They tell whose connections count.
        self.collections.get(&WatchedCollection::Users)?;
        let live = instances.live();
        let live = live.map(|it| self.hasher.of(RawBsonRef::String(&it.id)));
        Some(self.sessions.as_ref()?.connections(&live.collect()))
    }

    /// Files and their sizes.
    pub fn uploads(&self) -> Option<Uploads> {
        let uploads = self.collections.get(&WatchedCollection::Uploads)?;
        Some(Uploads {
            files: uploads.rows.len() as u64,
            bytes: uploads.amount(|_| true),
        })
    }
}
