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
    kid        TEXT PRIMARY KEY,
    pkcs8      BLOB NOT NULL,           -- ES256 private key, PKCS #8 DER
    created_ms INTEGER NOT NULL         -- the youngest signs, the others still verify
) WITHOUT ROWID;
