//! Durable state: proposals, executions and the audit trail in SQLite.
