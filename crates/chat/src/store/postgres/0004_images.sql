-- Images that were uploaded to threads. They are seen while their state is 1: 0 is an upload under way, or one that
-- was never finished; of 2 the chunks are being removed.
CREATE TABLE image (
    thread      uuid     NOT NULL,
    image       uuid     NOT NULL,
    uploader    bytea    NOT NULL,
    name        bytea,
    kind        smallint NOT NULL,  -- 1 jpeg, 2 png, 3 gif, 4 webp, 5 heic
    bytes       bigint   NOT NULL,
    small_kind  smallint,           -- of what is shown as small, if that is not the original
    small_bytes bigint,
    begun_ms    bigint   NOT NULL,
    state       smallint NOT NULL,
    PRIMARY KEY (thread, image)
);
CREATE INDEX image_unseen ON image (begun_ms) WHERE state <> 1;

CREATE TABLE image_chunk (
    thread uuid     NOT NULL,
    image  uuid     NOT NULL,
    view   smallint NOT NULL,       -- 0 original, 1 small
    number bigint   NOT NULL,
    data   bytea    NOT NULL,
    PRIMARY KEY (thread, image, view, number)
);
-- Images are compressed already: to try again would cost and win nothing.
ALTER TABLE image_chunk ALTER COLUMN data SET STORAGE EXTERNAL;
