-- The request that caused the mail; null: none did, or a release before this one wrote it.
ALTER TABLE outbox ADD COLUMN request_id TEXT CHECK (length(request_id) <= 64);
