-- What adapters to chats remember across restarts: which message shows a card, which commands are registered.
CREATE TABLE notes (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    at    BIGINT NOT NULL
);
