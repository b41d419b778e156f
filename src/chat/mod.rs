//! Adapters to where people talk; each renders the same neutral replies.

pub mod console;
pub mod discord;
