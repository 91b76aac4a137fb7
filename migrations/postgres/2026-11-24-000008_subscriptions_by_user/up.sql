-- Accounts that are deleted take their subscriptions with them; the unique index holds the active ones alone.
CREATE INDEX subscriptions_user_id_idx ON subscriptions (user_id);
