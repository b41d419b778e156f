-- What adapters to chats remember across restarts: which message shows a card, which commands are registered.
CREATE TABLE notes (
    key   TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL,
    at    INTEGER NOT NULL
) STRICT;
