//! The sub-commands.

pub mod backfill;
pub mod check;
pub mod hash_password;
pub mod health;
pub mod print_statistics;
pub mod role;
pub mod statistics;
