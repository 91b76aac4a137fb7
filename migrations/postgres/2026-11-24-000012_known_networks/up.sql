-- Networks from which an account's owner has come, as keyed hashes: guesses from elsewhere must not keep the owner out.
CREATE TABLE known_networks (
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    seen_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (user_id, digest)
);
CREATE INDEX known_networks_user_id_seen_at_idx ON known_networks (user_id, seen_at);
CREATE INDEX known_networks_seen_at_idx ON known_networks (seen_at);
