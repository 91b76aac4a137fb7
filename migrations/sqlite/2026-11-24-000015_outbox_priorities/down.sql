ALTER TABLE schedule DROP COLUMN claimed_by;
ALTER TABLE schedule DROP COLUMN claimed_until;
DROP INDEX outbox_kind_idx;
DROP INDEX outbox_order_idx;
DROP INDEX outbox_in_flight_key;
DROP INDEX outbox_due_idx;
ALTER TABLE outbox DROP COLUMN priority;
ALTER TABLE outbox DROP COLUMN claimed_by;
CREATE INDEX outbox_due_idx ON outbox (next_attempt_at, id) WHERE status = 'pending';
