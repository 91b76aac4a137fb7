CREATE TABLE old_one_time_codes (
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    purpose TEXT NOT NULL CHECK (
        purpose IN ('email_verification', 'password_reset', 'email_change', 'phone_number_change')
    ),
    digest TEXT NOT NULL,
    issued_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    attempts_left INTEGER NOT NULL CHECK (attempts_left >= 0),
    issues INTEGER NOT NULL CHECK (issues > 0),
    counted_since TEXT NOT NULL,
    consumed_at TEXT,
    target TEXT NOT NULL,
    PRIMARY KEY (user_id, purpose)
) STRICT, WITHOUT ROWID;
INSERT INTO old_one_time_codes (
    user_id, purpose, digest, issued_at, expires_at, attempts_left, issues, counted_since, consumed_at, target
)
SELECT
    user_id, purpose, digest, issued_at, expires_at, attempts_left, issues, counted_since, consumed_at, target
FROM one_time_codes WHERE purpose <> 'second_factor_enrolment';
DROP TABLE one_time_codes;
ALTER TABLE old_one_time_codes RENAME TO one_time_codes;
CREATE INDEX one_time_codes_expires_at_idx ON one_time_codes (expires_at);
