-- What all nodes must share and nobody else may know: what signs connection parameters, the admin token.
CREATE TABLE secret (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
