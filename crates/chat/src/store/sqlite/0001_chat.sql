-- Users are 17 bytes here: a kind (1 = communication user) and the user's 16. Text of users is BLOB,
-- as an engine to come cannot hold U+0000 in its text type.
CREATE TABLE thread (
    thread         BLOB PRIMARY KEY,   -- 16 bytes
    resource       BLOB NOT NULL,
    topic          BLOB NOT NULL,
    metadata       BLOB NOT NULL,      -- JSON object of strings
    created_ms     INTEGER NOT NULL,
    created_by     BLOB NOT NULL,
    retention_days INTEGER,            -- days after creation; 0 = the policy "none" was set
    delete_at_ms   INTEGER
) WITHOUT ROWID;
CREATE INDEX thread_due ON thread (delete_at_ms) WHERE delete_at_ms IS NOT NULL;

-- What every ordered change of a thread reads and raises; narrow, for it is written by each message.
CREATE TABLE head (
    thread          BLOB PRIMARY KEY,
    resource        BLOB NOT NULL,
    last_stamp      INTEGER NOT NULL,
    last_seq        INTEGER NOT NULL,
    last_message_ms INTEGER NOT NULL,
    members         INTEGER NOT NULL,
    deleted_ms      INTEGER
) WITHOUT ROWID;

-- One row for each stay in a thread: visible are the entries from from_stamp to until_stamp.
CREATE TABLE member (
    thread       BLOB NOT NULL,
    user         BLOB NOT NULL,
    joined_stamp INTEGER NOT NULL,
    from_stamp   INTEGER NOT NULL,
    until_stamp  INTEGER,              -- the entry by which the stay ended, itself visible
    share_ms     INTEGER NOT NULL,     -- shareHistoryTime as lists show it
    display_name BLOB,
    metadata     BLOB NOT NULL,
    PRIMARY KEY (thread, user, joined_stamp)
) WITHOUT ROWID;

-- A user's threads, written on join and leave alone.
CREATE TABLE thread_of_user (
    resource BLOB NOT NULL,
    user     BLOB NOT NULL,
    thread   BLOB NOT NULL,
    PRIMARY KEY (resource, user, thread)
) WITHOUT ROWID;

-- Each member's newest.
CREATE TABLE receipt (
    thread  BLOB NOT NULL,
    user    BLOB NOT NULL,
    message INTEGER NOT NULL,
    read_ms INTEGER NOT NULL,
    PRIMARY KEY (thread, user)
) WITHOUT ROWID;

-- Deleted threads whose rows are still to be removed.
CREATE TABLE purge (thread BLOB PRIMARY KEY) WITHOUT ROWID;
