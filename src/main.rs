//! Sayso.
fn main() {}
