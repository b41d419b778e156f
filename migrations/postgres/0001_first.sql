-- The first schema, as that of SQLite. Times are microseconds since 1970; only the lives of replicas are told by the
-- server's own clock. What must never happen is refused here, too, not only in the code.

-- Who shares this store. A replica that has not renewed its row by then is taken for gone.
CREATE TABLE replicas (
    id     TEXT PRIMARY KEY,
    lapses TIMESTAMPTZ NOT NULL
);

-- One row: the replica that sees to what is due. Whoever lives takes it over from whoever does not.
CREATE TABLE duty (
    one     BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (one),
    replica TEXT NOT NULL
);

INSERT INTO duty (replica) VALUES ('');

CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING MESSAGE = TG_ARGV[0], ERRCODE = 'restrict_violation';
END
$$;

CREATE TABLE proposals (
    id       TEXT PRIMARY KEY,
    platform TEXT NOT NULL,
    channel  TEXT NOT NULL,
    code     TEXT NOT NULL,
    state    TEXT NOT NULL CHECK (state IN (
        'pending', 'approved', 'executing', 'succeeded', 'failed', 'unknown', 'denied', 'rejected', 'cancelled', 'expired'
    )),
    revision BIGINT NOT NULL CHECK (revision > 0),
    owner    TEXT NOT NULL,    -- the replica that sees to it: the one that saved it last, or took it over
    created  BIGINT NOT NULL,
    expires  BIGINT NOT NULL,
    body     TEXT NOT NULL     -- everything else, JSON
);

CREATE INDEX proposals_by_code ON proposals (platform, channel, code);
CREATE INDEX proposals_unfinished ON proposals (created) WHERE state IN ('pending', 'approved', 'executing');

CREATE TRIGGER proposals_end_once BEFORE UPDATE OF state ON proposals
FOR EACH ROW WHEN (OLD.state NOT IN ('pending', 'approved', 'executing'))
EXECUTE FUNCTION refuse('a proposal that has come to its end stays there');

-- Opened before the effect, closed after it. One proposal, one execution.
CREATE TABLE executions (
    id       TEXT PRIMARY KEY,
    proposal TEXT NOT NULL UNIQUE REFERENCES proposals (id),
    opened   BIGINT NOT NULL,
    closed   BIGINT,
    outcome  TEXT,             -- JSON
    CHECK ((closed IS NULL) = (outcome IS NULL))
);

CREATE INDEX executions_open ON executions (proposal) WHERE closed IS NULL;

CREATE TRIGGER executions_close_once BEFORE UPDATE ON executions
FOR EACH ROW WHEN (OLD.closed IS NOT NULL OR NEW.id <> OLD.id OR NEW.proposal <> OLD.proposal)
EXECUTE FUNCTION refuse('an execution is closed once, and nothing else about it changes');

CREATE TRIGGER executions_stay BEFORE DELETE ON executions
FOR EACH ROW EXECUTE FUNCTION refuse('executions are never removed');

CREATE TRIGGER executions_are_not_emptied BEFORE TRUNCATE ON executions
FOR EACH STATEMENT EXECUTE FUNCTION refuse('executions are never removed');

-- The hash chain. The columns to search by are read from the event itself, so that they cannot say anything else. A NUL,
-- which JSON may have and a TEXT may not, becomes another character there; whether the backslash is itself escaped or
-- not, what comes out is JSON. The moment is compared as text: it is always UTC, and always begins with the year.
CREATE TABLE audit_events (
    sequence BIGINT PRIMARY KEY,
    previous TEXT NOT NULL,
    event    TEXT NOT NULL,
    hash     TEXT NOT NULL,
    actor    TEXT GENERATED ALWAYS AS (replace(event, '\u0000', '\u0001')::json ->> 'actor') STORED,
    intent   TEXT GENERATED ALWAYS AS (replace(event, '\u0000', '\u0001')::json ->> 'intent') STORED,
    second   TEXT COLLATE "C" GENERATED ALWAYS AS
        (left(replace(event, '\u0000', '\u0001')::json ->> 'at', 19) COLLATE "C") STORED
);

CREATE INDEX audit_events_by_actor ON audit_events (actor, sequence);
CREATE INDEX audit_events_by_intent ON audit_events (intent, sequence);

CREATE FUNCTION audit_events_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.sequence <> (SELECT coalesce(max(sequence), 0) + 1 FROM audit_events) THEN
        RAISE EXCEPTION 'audit events are appended, one after the other' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER audit_events_follow BEFORE INSERT ON audit_events
FOR EACH ROW EXECUTE FUNCTION audit_events_follow();

CREATE TRIGGER audit_events_unaltered BEFORE UPDATE ON audit_events
FOR EACH ROW EXECUTE FUNCTION refuse('audit events are never altered');

CREATE TRIGGER audit_events_stay BEFORE DELETE ON audit_events
FOR EACH ROW EXECUTE FUNCTION refuse('audit events are never removed');

CREATE TRIGGER audit_events_are_not_emptied BEFORE TRUNCATE ON audit_events
FOR EACH STATEMENT EXECUTE FUNCTION refuse('audit events are never removed');

-- The kill switch: a row while everything is stopped. Read behind the lock of the chain, so that what opens sees it.
CREATE TABLE halt (
    one    BIGINT PRIMARY KEY CHECK (one = 1),
    actor  TEXT NOT NULL,
    since  BIGINT NOT NULL,
    reason TEXT
);

-- Messages that have been handled, so that each is handled once.
CREATE TABLE messages (
    platform TEXT NOT NULL,
    channel  TEXT NOT NULL,
    message  TEXT NOT NULL,
    handled  BIGINT NOT NULL DEFAULT (extract(epoch FROM statement_timestamp()) * 1000000)::BIGINT,
    PRIMARY KEY (platform, channel, message)
);

-- What a dialogue remembers, JSON.
CREATE TABLE conversations (
    platform TEXT NOT NULL,
    channel  TEXT NOT NULL,
    state    TEXT NOT NULL,
    PRIMARY KEY (platform, channel)
);

-- Messages that were not understood or were corrected, kept only where `[learning] keep_messages` says so. No person, no
-- channel, no message's id: nothing in a row leads to who said it.
CREATE TABLE misses (
    id       BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    at       BIGINT NOT NULL,   -- the hour
    platform TEXT NOT NULL,
    text     TEXT NOT NULL,     -- redacted
    kind     TEXT NOT NULL CHECK (kind IN ('none', 'ambiguous', 'corrected')),
    best     TEXT NOT NULL,     -- the likeliest intents with their probabilities, JSON
    meant    TEXT,              -- the intent of the command that followed
    settled  BOOLEAN NOT NULL DEFAULT FALSE
);

CREATE INDEX misses_by_time ON misses (at);
CREATE INDEX misses_by_text ON misses USING hash (text); -- A B-tree would refuse long ones.
