CREATE TABLE second_factors (
    user_id BIGINT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    sealed_secret TEXT NOT NULL,
    enrolled_at TIMESTAMPTZ NOT NULL,
    confirmed_at TIMESTAMPTZ,
    last_step BIGINT,
    failures INTEGER NOT NULL CHECK (failures >= 0),
    blocked_until TIMESTAMPTZ
);

-- One that was used is deleted.
CREATE TABLE recovery_codes (
    user_id BIGINT NOT NULL REFERENCES second_factors (user_id) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    PRIMARY KEY (user_id, digest)
);
