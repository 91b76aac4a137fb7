-- Answers to requests that had an Idempotency-Key, for those who ask again.
CREATE TABLE receipts (
    caller TEXT NOT NULL,
    key TEXT NOT NULL,
    -- The keyed digest of the request.
    fingerprint TEXT NOT NULL,
    -- The answer, sealed: it may hold a one-time code.
    receipt TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (caller, key)
);
CREATE INDEX receipts_created_at_idx ON receipts (created_at);
