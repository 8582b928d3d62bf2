-- Users are 17 bytes here: a kind (1 = communication user) and the user's 16. Text of users is bytea, as
-- the text type cannot hold U+0000. Every key begins with what the table would be distributed by.
CREATE TABLE thread (
    thread         uuid   PRIMARY KEY,
    resource       uuid   NOT NULL,
    topic          bytea  NOT NULL,
    metadata       bytea  NOT NULL,  -- JSON object of strings
    created_ms     bigint NOT NULL,
    created_by     bytea  NOT NULL,
    retention_days bigint,           -- days after creation; 0 = the policy "none" was set
    delete_at_ms   bigint
);
CREATE INDEX thread_due ON thread (delete_at_ms) WHERE delete_at_ms IS NOT NULL;

-- What every ordered change of a thread locks, reads and raises; narrow, for it is written by each
-- message, and without an index on what changes, so that the new version stays on its page (HOT).
CREATE TABLE head (
    thread          uuid   PRIMARY KEY,
    resource        uuid   NOT NULL,
    last_stamp      bigint NOT NULL,
    last_seq        bigint NOT NULL,
    last_message_ms bigint NOT NULL,
    members         bigint NOT NULL,
    deleted_ms      bigint
) WITH (fillfactor = 70);

-- One row for each stay in a thread: visible are the entries from from_stamp to until_stamp.
CREATE TABLE member (
    thread       uuid   NOT NULL,
    "user"       bytea  NOT NULL,
    joined_stamp bigint NOT NULL,
    from_stamp   bigint NOT NULL,
    until_stamp  bigint,             -- the entry by which the stay ended, itself visible
    share_ms     bigint NOT NULL,    -- shareHistoryTime as lists show it
    display_name bytea,
    metadata     bytea  NOT NULL,
    PRIMARY KEY (thread, "user", joined_stamp)
);

-- A user's threads, written on join and leave alone. A removal keeps the line, with its position: a
-- reader that resumes is to hear of it.
CREATE TABLE thread_of_user (
    resource    uuid   NOT NULL,
    "user"      bytea  NOT NULL,
    thread      uuid   NOT NULL,
    removed_pos bigint,
    PRIMARY KEY (resource, "user", thread)
);

-- Each member's newest. pos: its place beside the log; 0 where it was never told.
CREATE TABLE receipt (
    thread  uuid   NOT NULL,
    "user"  bytea  NOT NULL,
    message bigint NOT NULL,
    read_ms bigint NOT NULL,
    pos     bigint NOT NULL,
    PRIMARY KEY (thread, "user")
);
CREATE INDEX receipt_pos ON receipt (pos) WHERE pos > 0;

-- Deleted threads whose rows are still to be removed.
CREATE TABLE purge (thread uuid PRIMARY KEY);
