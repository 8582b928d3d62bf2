-- Tells this log from any other: a position of another log means nothing here.
CREATE TABLE epoch (epoch bytea NOT NULL);
INSERT INTO epoch (epoch) VALUES (substring(uuid_send(gen_random_uuid()) FROM 1 FOR 8));
