-- Tells this log from any other: a position of another log means nothing here. A copy that goes on by
-- itself (a backup put back) needs a new one; the tools that put it back write it.
CREATE TABLE epoch (epoch BLOB NOT NULL);
INSERT INTO epoch (epoch) VALUES (randomblob(8));
