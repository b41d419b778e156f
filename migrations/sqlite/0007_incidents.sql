-- The log of incidents of those who have no other. Times are microseconds since 1970; `..._in` is the execution that did it,
-- so that what comes twice is done once. Nothing is removed: the next number is the highest and one more.
CREATE TABLE incidents (
    number      INTEGER PRIMARY KEY NOT NULL CHECK (number > 0),
    title       TEXT NOT NULL,
    severity    TEXT,
    service     TEXT,
    opened      INTEGER NOT NULL,
    opened_by   TEXT NOT NULL,
    opened_in   TEXT NOT NULL UNIQUE,
    resolved    INTEGER,
    resolved_by TEXT,
    resolved_in TEXT UNIQUE,
    CHECK ((resolved IS NULL) = (resolved_by IS NULL) AND (resolved IS NULL) = (resolved_in IS NULL))
) STRICT;

CREATE INDEX incidents_open ON incidents (number) WHERE resolved IS NULL;
CREATE INDEX incidents_by_end ON incidents (resolved);

CREATE TRIGGER incidents_stay BEFORE DELETE ON incidents
BEGIN
    SELECT RAISE(ABORT, 'incidents are never removed: their numbers are not used again');
END;

CREATE TABLE incident_updates (
    incident INTEGER NOT NULL REFERENCES incidents (number),
    place    INTEGER NOT NULL CHECK (place > 0), -- the first is 1
    made     INTEGER NOT NULL,
    made_by  TEXT NOT NULL,
    made_in  TEXT NOT NULL UNIQUE,
    text     TEXT NOT NULL,
    PRIMARY KEY (incident, place)
) STRICT;
