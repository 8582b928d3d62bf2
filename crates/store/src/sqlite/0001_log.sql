-- The log is the outbox and the history: a message is its entry.
-- AUTOINCREMENT keeps positions from ever being used twice; they are in commit order.
CREATE TABLE entry (
    pos        INTEGER PRIMARY KEY AUTOINCREMENT,
    stream     BLOB NOT NULL,     -- 16 bytes
    stamp      INTEGER NOT NULL,  -- ms, unique and rising in the stream
    prev       INTEGER NOT NULL,  -- the stream's stamp before this entry
    at_ms      INTEGER NOT NULL,  -- when it really arrived
    resource   BLOB NOT NULL,     -- 16 bytes
    kind       INTEGER NOT NULL,
    actor      BLOB,
    about      INTEGER,           -- stamp of the entry that this one is about
    seq        INTEGER,           -- messages only: dense from 1
    version    INTEGER,           -- messages only: stamp of the last change
    edited_ms  INTEGER,
    deleted_ms INTEGER,
    doc        BLOB NOT NULL
);
-- Two partial indexes: history reads messages alone, and change entries can leave after their time.
CREATE UNIQUE INDEX entry_message ON entry (stream, stamp) WHERE seq IS NOT NULL;
CREATE UNIQUE INDEX entry_change ON entry (stream, stamp) WHERE seq IS NULL;

-- Answers to requests that carried an idempotency key.
CREATE TABLE repeat (
    scope        BLOB NOT NULL,
    key          TEXT NOT NULL,
    request_hash BLOB NOT NULL,
    reply        BLOB NOT NULL,
    expires_ms   INTEGER NOT NULL,
    PRIMARY KEY (scope, key)
) WITHOUT ROWID;
CREATE INDEX repeat_expires ON repeat (expires_ms);
