DROP TABLE ended_sessions;
DROP TABLE sessions;
CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    digest TEXT NOT NULL UNIQUE,
    expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX sessions_user_id_expires_at_idx ON sessions (user_id, expires_at);
CREATE INDEX sessions_expires_at_idx ON sessions (expires_at);
ALTER TABLE users DROP COLUMN deactivated_at;
