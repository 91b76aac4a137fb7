-- Nobody may use an account that is deactivated.
ALTER TABLE users ADD COLUMN deactivated_at TIMESTAMPTZ;

-- Refresh tokens have another form, by which one that is spent is known. Those of the former form are of no use any more.
DROP TABLE sessions;
CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- The keyed hash of the present refresh token.
    digest TEXT NOT NULL,
    network TEXT,
    user_agent TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    last_used_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX sessions_user_id_last_used_at_idx ON sessions (user_id, last_used_at);
CREATE INDEX sessions_expires_at_idx ON sessions (expires_at);

-- What each node has to know as long as access tokens live: written by the transaction that ends a session, and read by time.
CREATE TABLE ended_sessions (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    session_id TEXT NOT NULL,
    ended_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX ended_sessions_ended_at_idx ON ended_sessions (ended_at, id);
