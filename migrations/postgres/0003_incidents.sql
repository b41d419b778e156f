-- The log of incidents of those who have no other. Times are microseconds since 1970; `..._in` is the execution that did it,
-- so that what comes twice is done once. Nothing is removed: the next number is the highest and one more.
CREATE TABLE incidents (
    number      BIGINT PRIMARY KEY CHECK (number > 0),
    title       TEXT NOT NULL,
    severity    TEXT,
    service     TEXT,
    opened      BIGINT NOT NULL,
    opened_by   TEXT NOT NULL,
    opened_in   TEXT NOT NULL UNIQUE,
    resolved    BIGINT,
    resolved_by TEXT,
    resolved_in TEXT UNIQUE,
    CHECK ((resolved IS NULL) = (resolved_by IS NULL) AND (resolved IS NULL) = (resolved_in IS NULL))
);

CREATE INDEX incidents_open ON incidents (number) WHERE resolved IS NULL;
CREATE INDEX incidents_by_end ON incidents (resolved);

CREATE TRIGGER incidents_stay BEFORE DELETE ON incidents
FOR EACH ROW EXECUTE FUNCTION refuse('incidents are never removed: their numbers are not used again');

CREATE TRIGGER incidents_are_not_emptied BEFORE TRUNCATE ON incidents
FOR EACH STATEMENT EXECUTE FUNCTION refuse('incidents are never removed: their numbers are not used again');

CREATE TABLE incident_updates (
    incident BIGINT NOT NULL REFERENCES incidents (number),
    place    BIGINT NOT NULL CHECK (place > 0), -- the first is 1
    made     BIGINT NOT NULL,
    made_by  TEXT NOT NULL,
    made_in  TEXT NOT NULL UNIQUE,
    text     TEXT NOT NULL,
    PRIMARY KEY (incident, place)
);
