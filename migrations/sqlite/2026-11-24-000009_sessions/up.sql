-- Nobody may use an account that is deactivated.
ALTER TABLE users ADD COLUMN deactivated_at TEXT;

-- Refresh tokens have another form, by which one that is spent is known. Those of the former form are of no use any more.
DROP TABLE sessions;
CREATE TABLE sessions (
    id TEXT NOT NULL PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- The keyed hash of the present refresh token.
    digest TEXT NOT NULL,
    network TEXT,
    user_agent TEXT,
    created_at TEXT NOT NULL,
    last_used_at TEXT NOT NULL,
    expires_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_user_id_last_used_at_idx ON sessions (user_id, last_used_at);
CREATE INDEX sessions_expires_at_idx ON sessions (expires_at);

-- What each node has to know as long as access tokens live: written by the transaction that ends a session, and read by time.
CREATE TABLE ended_sessions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    session_id TEXT NOT NULL,
    ended_at TEXT NOT NULL
) STRICT;
CREATE INDEX ended_sessions_ended_at_idx ON ended_sessions (ended_at, id);
