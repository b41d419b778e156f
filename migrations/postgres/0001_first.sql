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

CREATE TRIGGER executions_are_not_emptied BEFORE TRUNCATE ON executions
FOR EACH STATEMENT EXECUTE FUNCTION refuse('executions are never removed all at once');

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
        (left(replace(event, '\u0000', '\u0001')::json ->> 'at', 19) COLLATE "C") STORED,
    proposal TEXT GENERATED ALWAYS AS (replace(event, '\u0000', '\u0001')::json ->> 'proposal') STORED,
    execution TEXT GENERATED ALWAYS AS (replace(event, '\u0000', '\u0001')::json ->> 'execution') STORED,
    -- Up to where a row says that the record was removed.
    through  BIGINT GENERATED ALWAYS AS (CASE replace(event, '\u0000', '\u0001')::json ->> 'kind'
        WHEN 'record_pruned' THEN (replace(event, '\u0000', '\u0001')::json ->> 'through')::BIGINT END) STORED
);

CREATE INDEX audit_events_by_actor ON audit_events (actor, sequence);
CREATE INDEX audit_events_by_intent ON audit_events (intent, sequence);
CREATE INDEX audit_events_by_proposal ON audit_events (proposal, sequence);
CREATE INDEX audit_events_by_execution ON audit_events (execution, sequence);
CREATE INDEX audit_events_that_prune ON audit_events (through) WHERE through IS NOT NULL;

CREATE FUNCTION audit_events_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- The first may have any number: of a record that is moved here, the beginning may have been removed.
    IF NEW.sequence <> (SELECT max(sequence) + 1 FROM audit_events) THEN
        RAISE EXCEPTION 'audit events are appended, one after the other' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER audit_events_follow BEFORE INSERT ON audit_events
FOR EACH ROW EXECUTE FUNCTION audit_events_follow();

CREATE TRIGGER audit_events_unaltered BEFORE UPDATE ON audit_events
FOR EACH ROW EXECUTE FUNCTION refuse('audit events are never altered');

-- The oldest rows may go: only up to where a later row says so, and with them what nothing on record tells of any more.
CREATE FUNCTION audit_events_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM audit_events WHERE through >= OLD.sequence AND sequence > OLD.sequence) THEN
        RAISE EXCEPTION 'audit events are never removed, but from the beginning on and where a later one says so'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN OLD;
END
$$;

CREATE TRIGGER audit_events_stay BEFORE DELETE ON audit_events
FOR EACH ROW EXECUTE FUNCTION audit_events_stay();

CREATE FUNCTION executions_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM audit_events WHERE proposal = OLD.proposal)
        OR EXISTS (SELECT FROM proposals WHERE id = OLD.proposal AND state IN ('pending', 'approved', 'executing')) THEN
        RAISE EXCEPTION 'executions stay as long as they are on record' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN OLD;
END
$$;

CREATE TRIGGER executions_stay BEFORE DELETE ON executions
FOR EACH ROW EXECUTE FUNCTION executions_stay();

CREATE FUNCTION proposals_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state IN ('pending', 'approved', 'executing')
        OR EXISTS (SELECT FROM audit_events WHERE proposal = OLD.id) THEN
        RAISE EXCEPTION 'proposals stay as long as they are on record, or not at their end'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN OLD;
END
$$;

CREATE TRIGGER proposals_stay BEFORE DELETE ON proposals
FOR EACH ROW EXECUTE FUNCTION proposals_stay();

CREATE TRIGGER audit_events_are_not_emptied BEFORE TRUNCATE ON audit_events
FOR EACH STATEMENT EXECUTE FUNCTION refuse('audit events are never removed all at once');

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
