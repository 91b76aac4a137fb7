-- The number of states that a row has had; who changes one may ask for the state that they have seen.
ALTER TABLE candidates ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE employers ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE jobs ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE applications ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE plans ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
