-- Images that were uploaded to threads. They are seen while their state is 1: 0 is an upload under way, or one that
-- was never finished; of 2 the chunks are being removed.
CREATE TABLE image (
    thread      BLOB NOT NULL,
    image       BLOB NOT NULL,     -- 16 bytes
    uploader    BLOB NOT NULL,
    name        BLOB,
    kind        INTEGER NOT NULL,  -- 1 jpeg, 2 png, 3 gif, 4 webp, 5 heic
    bytes       INTEGER NOT NULL,
    small_kind  INTEGER,           -- of what is shown as small, if that is not the original
    small_bytes INTEGER,
    begun_ms    INTEGER NOT NULL,
    state       INTEGER NOT NULL,
    PRIMARY KEY (thread, image)
) WITHOUT ROWID;
CREATE INDEX image_unseen ON image (begun_ms) WHERE state <> 1;

-- Their bytes. With a rowid: large rows would make the inner pages of a tree of keys large too.
CREATE TABLE image_chunk (
    thread BLOB NOT NULL,
    image  BLOB NOT NULL,
    view   INTEGER NOT NULL,       -- 0 original, 1 small
    number INTEGER NOT NULL,
    data   BLOB NOT NULL,
    PRIMARY KEY (thread, image, view, number)
);
