-- The kill switch: a row while everything is stopped. Beside the executions, so that the transaction that opens one sees it.

CREATE TABLE halt (
    one    INTEGER PRIMARY KEY NOT NULL CHECK (one = 1),
    actor  TEXT NOT NULL,
    since  INTEGER NOT NULL,
    reason TEXT
) STRICT;
