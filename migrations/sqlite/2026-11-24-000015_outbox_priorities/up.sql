-- Who waits for a mail decides what it waits behind. What a release before this one writes is normal.
ALTER TABLE outbox
ADD COLUMN priority TEXT NOT NULL DEFAULT 'normal' CHECK (priority IN ('urgent', 'normal', 'bulk'));
-- The worker that holds it; until when stands in next_attempt_at.
ALTER TABLE outbox ADD COLUMN claimed_by TEXT;
UPDATE outbox
SET priority = CASE
    WHEN kind IN ('application_received', 'application_status_changed') THEN 'normal'
    WHEN kind = 'subscription_expired' THEN 'bulk'
    ELSE 'urgent'
END
WHERE status <> 'sent';
DROP INDEX outbox_due_idx;
CREATE INDEX outbox_due_idx ON outbox (priority, next_attempt_at, id) WHERE status = 'pending';
-- One mail of a priority at a time is on its way to a recipient, whoever claims what at the same moment.
CREATE UNIQUE INDEX outbox_in_flight_key ON outbox (recipient, priority)
WHERE status = 'pending' AND claimed_by IS NOT NULL;
-- What holds up later mails to the same recipient.
CREATE INDEX outbox_order_idx ON outbox (recipient, priority, id) WHERE status = 'pending' AND attempts < 4;
CREATE INDEX outbox_kind_idx ON outbox (kind, id);

-- The node that runs a task, and until when it is believed to be alive.
ALTER TABLE schedule ADD COLUMN claimed_by TEXT;
ALTER TABLE schedule ADD COLUMN claimed_until TEXT;
