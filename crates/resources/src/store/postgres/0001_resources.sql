CREATE TABLE resource (
    resource      uuid    PRIMARY KEY, -- ARM's immutableResourceId
    name          text    NOT NULL,
    port          integer,
    data_location text    NOT NULL,
    is_default    boolean NOT NULL,    -- the one that requests belong to which name none
    created_ms    bigint  NOT NULL,
    deleted_ms    bigint
);
CREATE UNIQUE INDEX resource_name ON resource (lower(name)) WHERE deleted_ms IS NULL;
-- Of nodes that start at once on an empty database, one makes the default resource.
CREATE UNIQUE INDEX resource_default ON resource (is_default) WHERE is_default AND deleted_ms IS NULL;

CREATE TABLE access_key (
    resource   uuid   NOT NULL,
    slot       text   NOT NULL, -- primary, secondary
    secret     bytea  NOT NULL,
    generation bigint NOT NULL, -- raised by each rotation
    PRIMARY KEY (resource, slot)
);
