CREATE TABLE identity (
    resource          uuid   NOT NULL,
    "user"            uuid   NOT NULL, -- the user's half of the id
    created_ms        bigint NOT NULL,
    token_generation  bigint NOT NULL, -- tokens of an older one are revoked
    tokens_valid_from bigint NOT NULL, -- ms; tokens issued before are revoked
    deleted_ms        bigint,          -- the row stays: an id is never given twice
    PRIMARY KEY (resource, "user")
);

CREATE TABLE signing_key (
    number     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- the last one made signs, whatever the clock says
    kid        text   NOT NULL UNIQUE,
    pkcs8      bytea  NOT NULL,        -- ES256 private key, PKCS #8 DER
    created_ms bigint NOT NULL
);
