//! A command put before people: policy, the pure state machine, approval and its digest.

pub mod approval;
