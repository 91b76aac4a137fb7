CREATE TABLE second_factors (
    user_id INTEGER NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    sealed_secret TEXT NOT NULL,
    enrolled_at TEXT NOT NULL,
    confirmed_at TEXT,
    last_step INTEGER,
    failures INTEGER NOT NULL CHECK (failures >= 0),
    blocked_until TEXT
) STRICT;

-- One that was used is deleted.
CREATE TABLE recovery_codes (
    user_id INTEGER NOT NULL REFERENCES second_factors (user_id) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    PRIMARY KEY (user_id, digest)
) STRICT, WITHOUT ROWID;
