-- The log is the outbox and the history: a message is its entry. As on the embedded engine, but for
-- the position: transactions do not commit in the order in which they took a number, so a position is
-- the transaction's own number (xid8) shifted by 20 bits, plus the entry's place in its transaction.
CREATE TABLE entry (
    stream     uuid     NOT NULL,
    stamp      bigint   NOT NULL, -- ms, unique and rising in the stream
    prev       bigint   NOT NULL, -- the stream's stamp before this entry
    pos        bigint   NOT NULL,
    at_ms      bigint   NOT NULL, -- when it really arrived
    resource   uuid     NOT NULL,
    kind       smallint NOT NULL,
    actor      bytea,
    about      bigint,            -- stamp of the entry that this one is about
    seq        bigint,            -- messages only: dense from 1
    version    bigint,            -- messages only: stamp of the last change
    edited_ms  bigint,
    deleted_ms bigint,
    doc        bytea    NOT NULL,
    PRIMARY KEY (stream, stamp)
);
CREATE INDEX entry_position ON entry (resource, pos);

-- Answers to requests that carried an idempotency key.
CREATE TABLE repeat (
    scope        bytea  NOT NULL,
    key          bytea  NOT NULL, -- text that may hold U+0000
    request_hash bytea  NOT NULL,
    reply        bytea  NOT NULL,
    expires_ms   bigint NOT NULL,
    PRIMARY KEY (scope, key)
);
CREATE INDEX repeat_expires ON repeat (expires_ms);

-- Transactions that were applied. A node that lost the answer to its COMMIT tries the same number
-- again: whether it is here already tells whether the change is.
CREATE TABLE applied (change uuid PRIMARY KEY); -- UUID version 7: ordered by time

-- What nodes keep in memory and must read anew.
CREATE TABLE outdated (
    pos      bigint   NOT NULL,
    what     smallint NOT NULL, -- 1 = tokens of a user, 2 = resources and keys, 3 = signing keys
    resource uuid,
    "user"   uuid,
    at_ms    bigint   NOT NULL
);
CREATE INDEX outdated_position ON outdated (pos);

-- Work that one node does at a time. The number rises with each new holder, and what the holder
-- writes is refused once the number is another's.
CREATE TABLE lease (
    name  text        PRIMARY KEY,
    owner uuid        NOT NULL,
    fence bigint      NOT NULL,
    until timestamptz NOT NULL
);
