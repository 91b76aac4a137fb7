DROP TABLE ended_sessions;
DROP TABLE sessions;
CREATE TABLE sessions (
    id TEXT NOT NULL PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    digest TEXT NOT NULL UNIQUE,
    expires_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_user_id_expires_at_idx ON sessions (user_id, expires_at);
CREATE INDEX sessions_expires_at_idx ON sessions (expires_at);
ALTER TABLE users DROP COLUMN deactivated_at;
