-- A code is issued for one address or number, and is for the change of either too.
ALTER TABLE one_time_codes ADD COLUMN target TEXT;
UPDATE one_time_codes SET target = users.email FROM users WHERE users.id = one_time_codes.user_id;
ALTER TABLE one_time_codes
    ALTER COLUMN target SET NOT NULL,
    DROP CONSTRAINT one_time_codes_purpose_check,
    ADD CONSTRAINT one_time_codes_purpose_check CHECK (
        purpose IN ('email_verification', 'password_reset', 'email_change', 'phone_number_change')
    );
