//! `sayso.toml` and where the data folders are. Everything has a default that works, but for
//! doors to the outside, which are shut; `sayso.example.toml` shows each key.

mod audit;
mod discord;
mod folders;
mod names;
mod read;
mod sections;
mod server;
mod state;
mod store;
mod tables;
#[cfg(test)]
mod tests;

pub use audit::{Audit, HeadTo};
pub use folders::find_folders;
pub use names::Mention;
pub use sections::{Chat, Config, Discord, Integrations, Learning, Limits, Log, LogFormat, Model, Proposal, Time};
pub use server::{Server, Webhook};
pub use state::{NoStateFolder, state_folder};
pub use store::{Store, StoreUrl};
