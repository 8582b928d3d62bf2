-- For readers that resume: which receipts are newer than a position of the log, and which threads a
-- user was removed from since then.
ALTER TABLE receipt ADD COLUMN pos INTEGER NOT NULL DEFAULT 0;
CREATE INDEX receipt_pos ON receipt (pos) WHERE pos > 0;
ALTER TABLE thread_of_user ADD COLUMN removed_pos INTEGER;
