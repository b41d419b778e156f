//! Executions, against servers that misbehave, programs that do not end, and a ledger that refuses.

mod http;
mod process;
mod record;
mod server;
