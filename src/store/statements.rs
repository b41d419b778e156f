//! The statements that SQLite and PostgreSQL understand alike. Each stands here once, so that the two cannot drift.

/// A query for proposals with a condition.
macro_rules! proposals {
    ($condition:literal) => {
        concat!("SELECT id, platform, channel, state, revision, expires, body FROM proposals ", $condition)
    };
}

/// By id.
pub(super) const PROPOSAL: &str = proposals!("WHERE id = $1");
/// Of a conversation, those that can be decided.
pub(super) const PENDING: &str =
    proposals!("WHERE platform = $1 AND channel = $2 AND state IN ('pending', 'approved') ORDER BY created, id");
/// Those that have not come to their end, and those that have while the end of their execution could not be written.
pub(super) const UNFINISHED: &str = proposals!(
    "WHERE id IN (SELECT id FROM proposals WHERE state IN ('pending', 'approved', 'executing')
        UNION SELECT proposal FROM executions WHERE closed IS NULL) ORDER BY created, id"
);
/// Of a conversation, by code.
pub(super) const BY_CODE: &str = proposals!("WHERE platform = $1 AND channel = $2 AND code = $3 ORDER BY created, id");

/// Nothing if the proposal is there already.
pub(super) const INSERT_PROPOSAL: &str =
    "INSERT INTO proposals (state, owner, expires, body, id, revision, platform, channel, code, created)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING";
/// Nothing unless the stored revision is the one before.
pub(super) const UPDATE_PROPOSAL: &str =
    "UPDATE proposals SET state = $1, owner = $2, expires = $3, body = $4, revision = $6
    WHERE id = $5 AND revision + 1 = $6";
/// Nothing unless it stands where it stood.
pub(super) const RETIRE_PROPOSAL: &str =
    "UPDATE proposals SET state = $1, revision = revision + 1 WHERE id = $2 AND state = $3";

pub(super) const OPEN_EXECUTION: &str = "INSERT INTO executions (id, proposal, opened, target) VALUES ($1, $2, $3, $4)";
/// What other processes have open on a target ($1; $2 is this process), with the event that tells who asked for it.
macro_rules! open_elsewhere {
    ($alive:literal) => {
        concat!(
            "SELECT proposals.owner, (SELECT event FROM audit_events WHERE audit_events.execution = executions.id
                ORDER BY sequence LIMIT 1) AS event
            FROM executions JOIN proposals ON proposals.id = executions.proposal
            WHERE executions.target = $1 AND executions.closed IS NULL AND proposals.owner <> $2",
            $alive
        )
    };
}
pub(super) use open_elsewhere;
/// Nothing if it is closed.
pub(super) const CLOSE_EXECUTION: &str =
    "UPDATE executions SET closed = $1, outcome = $2 WHERE id = $3 AND closed IS NULL";

pub(super) const APPEND_EVENT: &str =
    "INSERT INTO audit_events (sequence, previous, event, hash) VALUES ($1, $2, $3, $4)";
pub(super) const LAST_EVENT: &str =
    "SELECT sequence, previous, event, hash FROM audit_events ORDER BY sequence DESC LIMIT 1";
pub(super) const EVENTS_AFTER: &str =
    "SELECT sequence, previous, event, hash FROM audit_events WHERE sequence > $1 ORDER BY sequence LIMIT $2";

/// Nothing if the message was handled.
pub(super) const TAKE_MESSAGE: &str =
    "INSERT INTO messages (platform, channel, message) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";

pub(super) const CONVERSATION: &str = "SELECT state FROM conversations WHERE platform = $1 AND channel = $2";
pub(super) const PUT_CONVERSATION: &str = "INSERT INTO conversations (platform, channel, state) VALUES ($1, $2, $3)
    ON CONFLICT (platform, channel) DO UPDATE SET state = excluded.state";

pub(super) const NOTE: &str = "SELECT value FROM notes WHERE key = $1";
pub(super) const WRITE_NOTE: &str = "INSERT INTO notes (key, value, at) VALUES ($1, $2, $3)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value, at = excluded.at";
pub(super) const REMOVE_NOTES: &str = "DELETE FROM notes WHERE at < $1";

pub(super) const KEEP_MISS: &str =
    "INSERT INTO misses (at, platform, text, kind, best, meant) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id";
/// The most misses that are kept: a flood of nonsense does not fill the disk.
pub(super) const MOST_MISSES: i64 = 10_000;
pub(super) const CROWD_OUT_MISSES: &str = "DELETE FROM misses WHERE id <= $1";
pub(super) const MEANT: &str = "UPDATE misses SET meant = $1 WHERE id = $2";
pub(super) const MISSES: &str = "SELECT at, platform, text, kind, best, meant FROM misses
    WHERE at >= $1 AND text NOT IN (SELECT text FROM misses WHERE settled) ORDER BY id";
pub(super) const SETTLE_MISSES: &str = "UPDATE misses SET settled = TRUE WHERE text = $1";
pub(super) const FORGET_MISSES: &str = "DELETE FROM misses WHERE at < $1";

pub(super) const HALT: &str = "INSERT INTO halt (one, actor, since, reason) VALUES (1, $1, $2, $3)
    ON CONFLICT (one) DO UPDATE SET actor = excluded.actor, since = excluded.since, reason = excluded.reason";
pub(super) const HALTED: &str = "SELECT actor, since, reason FROM halt";
pub(super) const LIFT: &str = "DELETE FROM halt";

pub(super) const OUTCOME: &str = "SELECT outcome FROM executions WHERE id = $1";

/// The first row of the record that stays: younger, or of a proposal that has not come to its end.
pub(super) const STAYING_EVENT: &str = "SELECT min(sequence) FROM (
    SELECT * FROM (SELECT sequence FROM audit_events WHERE second >= $1 ORDER BY sequence LIMIT 1) AS younger
    UNION ALL
    SELECT min(audit_events.sequence) FROM proposals JOIN audit_events ON audit_events.proposal = proposals.id
        WHERE proposals.state IN ('pending', 'approved', 'executing')) AS staying";
/// Whether there are rows that tell of more than of earlier removals. Without one, removing adds as much as it takes away.
pub(super) const WORTH_REMOVING: &str =
    "SELECT EXISTS (SELECT 1 FROM audit_events WHERE sequence <= $1 AND through IS NULL)";
pub(super) const HASH_OF_EVENT: &str = "SELECT hash FROM audit_events WHERE sequence = $1";
pub(super) const REMOVE_EVENTS: &str = "DELETE FROM audit_events WHERE sequence <= $1";

/// A statement about proposals that have come to their end as long ago, and of which no row is left.
macro_rules! untold {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            "created < $1 AND state NOT IN ('pending', 'approved', 'executing')
                AND NOT EXISTS (SELECT 1 FROM audit_events WHERE audit_events.proposal = proposals.id)",
            $after
        )
    };
}

pub(super) const REMOVE_EXECUTIONS: &str =
    untold!("DELETE FROM executions WHERE proposal IN (SELECT id FROM proposals WHERE ", ")");
pub(super) const REMOVE_PROPOSALS: &str = untold!("DELETE FROM proposals WHERE ", "");

/// A query for incidents, each with its latest update, with a condition and an order.
macro_rules! incidents {
    ($condition:literal) => {
        concat!(
            "SELECT number, title, severity, service, opened, opened_by, opened_in, resolved, resolved_by, resolved_in,
                place, made, made_by, made_in, text
            FROM incidents LEFT JOIN incident_updates ON incident_updates.incident = incidents.number
                AND place = (SELECT max(place) FROM incident_updates WHERE incident = incidents.number) ",
            $condition
        )
    };
}

pub(super) const INCIDENT: &str = incidents!("WHERE number = $1");
pub(super) const OPEN_INCIDENTS: &str = incidents!(
    "WHERE resolved IS NULL AND ($1 IS NULL OR severity = $1) ORDER BY severity IS NULL, severity, number LIMIT $2"
);
pub(super) const RESOLVED_INCIDENTS: &str = incidents!(
    "WHERE resolved IS NOT NULL AND ($1 IS NULL OR severity = $1) ORDER BY resolved DESC, number DESC LIMIT $2"
);
/// The incident that an execution has opened, updated or resolved.
pub(super) const INCIDENT_OF_EXECUTION: &str = "SELECT number FROM incidents WHERE opened_in = $1 OR resolved_in = $1
    UNION SELECT incident FROM incident_updates WHERE made_in = $1";
pub(super) const OPEN_INCIDENT: &str =
    "INSERT INTO incidents (number, title, severity, service, opened, opened_by, opened_in)
    SELECT coalesce(max(number), 0) + 1, $1, $2, $3, $4, $5, $6 FROM incidents RETURNING number";
pub(super) const UPDATE_INCIDENT: &str = "INSERT INTO incident_updates (incident, place, made, made_by, made_in, text)
    SELECT $1, coalesce(max(place), 0) + 1, $2, $3, $4, $5 FROM incident_updates WHERE incident = $1";
pub(super) const RESOLVE_INCIDENT: &str =
    "UPDATE incidents SET resolved = $2, resolved_by = $3, resolved_in = $4 WHERE number = $1 AND resolved IS NULL";
