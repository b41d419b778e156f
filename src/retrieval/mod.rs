//! Finding runbook passages and examples by meaning, with their place.
