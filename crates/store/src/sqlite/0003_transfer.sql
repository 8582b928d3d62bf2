-- One row while everything is being carried here from another store: the epoch of that store's log.
CREATE TABLE transfer (source BLOB NOT NULL);
