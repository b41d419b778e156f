-- Messages that were not understood or were corrected, kept only where `[learning] keep_messages` says so. No person, no
-- channel, no message's id: nothing in a row leads to who said it.
CREATE TABLE misses (
    id       INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    at       INTEGER NOT NULL,  -- the hour
    platform TEXT NOT NULL,
    text     TEXT NOT NULL,     -- redacted
    kind     TEXT NOT NULL CHECK (kind IN ('none', 'ambiguous', 'corrected')),
    best     TEXT NOT NULL,     -- the likeliest intents with their probabilities, JSON
    meant    TEXT,              -- the intent of the command that followed
    settled  INTEGER NOT NULL DEFAULT FALSE CHECK (settled IN (FALSE, TRUE))
) STRICT;

CREATE INDEX misses_by_time ON misses (at);
CREATE INDEX misses_by_text ON misses (text);
