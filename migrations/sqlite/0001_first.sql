-- The first schema. Times are microseconds since 1970. What must never happen is refused here, too, not only in the code.

PRAGMA application_id = 1398897011; -- "Says": tells our files from other SQLite databases.

CREATE TABLE proposals (
    id       TEXT PRIMARY KEY NOT NULL,
    platform TEXT NOT NULL,
    channel  TEXT NOT NULL,
    code     TEXT NOT NULL,
    state    TEXT NOT NULL CHECK (state IN (
        'pending', 'approved', 'executing', 'succeeded', 'failed', 'unknown', 'denied', 'rejected', 'cancelled', 'expired'
    )),
    revision INTEGER NOT NULL CHECK (revision > 0),
    owner    TEXT NOT NULL,    -- the process that saved it last
    created  INTEGER NOT NULL,
    expires  INTEGER NOT NULL,
    body     TEXT NOT NULL     -- everything else, JSON
) STRICT;

CREATE INDEX proposals_by_code ON proposals (platform, channel, code);
CREATE INDEX proposals_unfinished ON proposals (created) WHERE state IN ('pending', 'approved', 'executing');

CREATE TRIGGER proposals_end_once BEFORE UPDATE OF state ON proposals
WHEN OLD.state NOT IN ('pending', 'approved', 'executing')
BEGIN
    SELECT RAISE(ABORT, 'a proposal that has come to its end stays there');
END;

-- Opened before the effect, closed after it. One proposal, one execution.
CREATE TABLE executions (
    id       TEXT PRIMARY KEY NOT NULL,
    proposal TEXT NOT NULL UNIQUE REFERENCES proposals (id),
    opened   INTEGER NOT NULL,
    closed   INTEGER,
    outcome  TEXT,             -- JSON
    CHECK ((closed IS NULL) = (outcome IS NULL))
) STRICT;

CREATE TRIGGER executions_close_once BEFORE UPDATE ON executions
WHEN OLD.closed IS NOT NULL OR NEW.id <> OLD.id OR NEW.proposal <> OLD.proposal
BEGIN
    SELECT RAISE(ABORT, 'an execution is closed once, and nothing else about it changes');
END;

CREATE TRIGGER executions_stay BEFORE DELETE ON executions
BEGIN
    SELECT RAISE(ABORT, 'executions are never removed');
END;

-- The hash chain. The columns to search by are read from the event itself, so that they cannot say anything else.
CREATE TABLE audit_events (
    sequence INTEGER PRIMARY KEY NOT NULL,
    previous TEXT NOT NULL,
    event    TEXT NOT NULL,
    hash     TEXT NOT NULL,
    actor    TEXT GENERATED ALWAYS AS (json_extract(event, '$.actor')) VIRTUAL,
    intent   TEXT GENERATED ALWAYS AS (json_extract(event, '$.intent')) VIRTUAL,
    second   INTEGER GENERATED ALWAYS AS (unixepoch(json_extract(event, '$.at'))) VIRTUAL
) STRICT;

CREATE INDEX audit_events_by_actor ON audit_events (actor, sequence);
CREATE INDEX audit_events_by_intent ON audit_events (intent, sequence);

CREATE TRIGGER audit_events_follow BEFORE INSERT ON audit_events
WHEN NEW.sequence <> (SELECT coalesce(max(sequence), 0) + 1 FROM audit_events)
BEGIN
    SELECT RAISE(ABORT, 'audit events are appended, one after the other');
END;

CREATE TRIGGER audit_events_unaltered BEFORE UPDATE ON audit_events
BEGIN
    SELECT RAISE(ABORT, 'audit events are never altered');
END;

CREATE TRIGGER audit_events_stay BEFORE DELETE ON audit_events
BEGIN
    SELECT RAISE(ABORT, 'audit events are never removed');
END;

-- Messages that have been handled, so that each is handled once.
CREATE TABLE messages (
    platform TEXT NOT NULL,
    channel  TEXT NOT NULL,
    message  TEXT NOT NULL,
    handled  INTEGER NOT NULL DEFAULT (unixepoch() * 1000000),
    PRIMARY KEY (platform, channel, message)
) STRICT, WITHOUT ROWID;

-- What a dialogue remembers, JSON.
CREATE TABLE conversations (
    platform TEXT NOT NULL,
    channel  TEXT NOT NULL,
    state    TEXT NOT NULL,
    PRIMARY KEY (platform, channel)
) STRICT, WITHOUT ROWID;
