//! `sayso.toml` and where the data folders are.
