CREATE TABLE resource (
    resource      BLOB PRIMARY KEY,  -- 16 bytes, ARM's immutableResourceId
    name          TEXT NOT NULL COLLATE NOCASE,
    port          INTEGER,
    data_location TEXT NOT NULL,
    is_default    INTEGER NOT NULL,  -- 1 for the one that requests belong to which name none
    created_ms    INTEGER NOT NULL,
    deleted_ms    INTEGER
) WITHOUT ROWID;
CREATE UNIQUE INDEX resource_name ON resource (name) WHERE deleted_ms IS NULL;

CREATE TABLE access_key (
    resource   BLOB NOT NULL,
    slot       TEXT NOT NULL,     -- primary, secondary
    secret     BLOB NOT NULL,
    generation INTEGER NOT NULL,  -- raised by each rotation
    PRIMARY KEY (resource, slot)
) WITHOUT ROWID;
