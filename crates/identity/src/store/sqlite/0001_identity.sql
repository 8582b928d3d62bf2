CREATE TABLE identity (
    resource          BLOB NOT NULL,    -- 16 bytes
    user              BLOB NOT NULL,    -- 16 bytes: the user's half of the id
    created_ms        INTEGER NOT NULL,
    token_generation  INTEGER NOT NULL, -- tokens of an older one are revoked
    tokens_valid_from INTEGER NOT NULL, -- ms; tokens issued before are revoked
    deleted_ms        INTEGER,          -- the row stays: an id is never given twice
    PRIMARY KEY (resource, user)
) WITHOUT ROWID;

CREATE TABLE signing_key (
    number     INTEGER PRIMARY KEY AUTOINCREMENT, -- the last one made signs, whatever the clock says
    kid        TEXT NOT NULL UNIQUE,
    pkcs8      BLOB NOT NULL,           -- ES256 private key, PKCS #8 DER
    created_ms INTEGER NOT NULL
);
