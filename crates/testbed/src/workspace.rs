//! Generates the database of a Rocket.Chat workspace: collections, documents and indexes of Rocket.Chat 9.0, community
//! edition, during a working day, twelve days after the upgrade from 8.6. It keeps some data of older releases.
//!
//! The same `now` and [`Size`] give the same workspace. Dates lie before `now`; the indexes expire documents by the
//! server's own clock, so a workspace of the past loses its instances, notifications and session rows within a minute
//! unless the server runs with `ttlMonitorEnabled=false`.

mod builder;
mod enlarge;
mod grown;
mod indexes;
mod livechat;
mod messages;
mod misc;
mod names;
mod presence;
mod random;
mod rooms;
mod sessions;
mod settings;
mod simulate;
mod statistics;
mod subscriptions;
pub mod time;
mod tokens;
mod uploads;
mod users;

use anyhow::{Result, ensure};
use mongodb::Database;
use mongodb::bson::DateTime;

pub use enlarge::LargeSize;
pub use simulate::simulate;

use builder::Builder;

/// The size of a workspace.
#[derive(Clone, Debug)]
pub struct Size {
    /// Documents in `users`: people, guests, bots and apps.
    pub users: usize,
    /// Documents in `rocketchat_room`, of all kinds.
    pub rooms: usize,
    /// Documents in `rocketchat_message`, within one per room.
    pub messages: usize,
    /// Files in `rocketchat_uploads`, without thumbnails.
    pub uploads: usize,
    /// Active people on a working day: documents of type `user_daily` for each of the last 40 days.
    pub sessions: usize,
    /// Visitors of the livechat widget.
    pub visitors: usize,
    /// Days of history in `rocketchat_statistics`.
    pub statistics: usize,
}

impl Default for Size {
    fn default() -> Self {
        Self {
            users: 600,
            rooms: 240,
            messages: 12_000,
            uploads: 420,
            sessions: 180,
            visitors: 90,
            statistics: 120,
        }
    }
}

impl Size {
    /// The smallest workspace with documents of every kind.
    #[must_use]
    pub fn small() -> Self {
        Self {
            users: 80,
            rooms: 60,
            messages: 600,
            uploads: 30,
            sessions: 20,
            visitors: 20,
            statistics: 5,
        }
    }
}

/// Accounts for the REST API of a workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// An administrator, with the permission `view-statistics`.
    pub admin: Account,
    /// A user without that permission.
    pub plain: Account,
}

/// A user id with a personal access token, as in the headers `X-User-Id` and `X-Auth-Token`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// `users._id`.
    pub user_id: String,
    /// The token in plain text; the database has its hash.
    pub token: String,
}

/// Fills an empty database. Fails without changes if the database has a collection.
pub async fn fill(database: &Database, size: &Size, now: DateTime) -> Result<Credentials> {
    ensure_fits(database, size).await?;
    // Creating indexes on empty collections is much faster than building them afterwards.
    indexes::create(database).await?;
    fill_documents(database, size, now).await
}

/// Fills an empty database with a workspace of any size: a small one, whose documents are copied with other ids.
///
/// Indexes are created last, because building them once is far cheaper than updating them for millions of documents.
pub async fn fill_large(
    database: &Database,
    size: &LargeSize,
    now: DateTime,
) -> Result<Credentials> {
    let usual = Size::default();
    let is_small = size.users < usual.users || size.rooms < usual.rooms;
    let pattern = if is_small { Size::small() } else { usual };
    ensure_fits(database, &pattern).await?;
    let credentials = fill_documents(database, &pattern, now).await?;
    enlarge::enlarge(database, size).await?;
    indexes::create(database).await?;
    Ok(credentials)
}

async fn ensure_fits(database: &Database, size: &Size) -> Result<()> {
    let smallest = Size::small();
    ensure!(
        size.users >= smallest.users && size.rooms >= smallest.rooms,
        "a workspace needs at least {} users and {} rooms to have every kind of them",
        smallest.users,
        smallest.rooms
    );
    ensure!(
        database.list_collection_names().await?.is_empty(),
        "the database `{}` is not empty; a workspace is only made in an empty one",
        database.name()
    );
    Ok(())
}

async fn fill_documents(database: &Database, size: &Size, now: DateTime) -> Result<Credentials> {
    let mut builder = Builder::new(database, size, now);
    settings::fill(&mut builder).await?;
    let instances = misc::fill(&mut builder).await?;
    let people = users::fill(&mut builder, &instances).await?;
    let visitors = livechat::fill_visitors(&mut builder, &people).await?;
    let mut rooms = rooms::plan(&mut builder, &people, &visitors);
    messages::fill(&mut builder, &people, &mut rooms).await?;
    rooms::fill(&mut builder, &rooms).await?;
    subscriptions::fill(&mut builder, &people, &rooms).await?;
    livechat::fill_inquiries(&mut builder, &rooms).await?;
    uploads::fill(&mut builder, &people, &rooms).await?;
    sessions::fill(&mut builder, &people, &instances).await?;
    grown::fill(&mut builder).await?;
    statistics::fill(&mut builder).await?;
    Ok(users::credentials(&people))
}
