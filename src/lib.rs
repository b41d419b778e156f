//! Sayso: you ask in plain words; nothing runs without your say-so.
//!
//! # Layout, in the order in which a message walks through it
//!
//! [`chat`] → [`assistant`] → [`understanding`] (with [`embedding`], [`retrieval`], [`catalogue`]) → [`proposal`] →
//! [`integrations`] → [`audit`] and [`store`] → [`assistant`] → [`chat`]. Alerts come in by [`server`]. [`domain`] is the
//! vocabulary of all of them; [`config`] and [`cli`] assemble. `ARCHITECTURE.md` draws the picture and states the invariants.

pub mod assistant;
pub mod audit;
pub mod catalogue;
pub mod chat;
pub mod cli;
pub mod config;
pub mod domain;
pub mod embedding;
pub mod integrations;
pub mod proposal;
pub mod retrieval;
pub mod server;
pub mod store;
pub mod understanding;
