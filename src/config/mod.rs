//! `sayso.toml` and where the data folders are. Everything has a default that works; `sayso.example.toml` shows each.

mod folders;
mod names;
mod read;
mod sections;
mod state;
mod tables;
#[cfg(test)]
mod tests;

pub use folders::find_folders;
pub use names::Mention;
pub use sections::{Chat, Config, Integrations, Learning, Limits, Log, LogFormat, Model, Proposal, Store, Time};
pub use state::{NoStateFolder, state_folder};
