-- Of 2021-10-01-preview7: a JSON array of strings, where there are any.
ALTER TABLE member ADD COLUMN roles BLOB;
