ALTER TABLE plans DROP COLUMN version;
ALTER TABLE applications DROP COLUMN version;
ALTER TABLE jobs DROP COLUMN version;
ALTER TABLE employers DROP COLUMN version;
ALTER TABLE candidates DROP COLUMN version;
