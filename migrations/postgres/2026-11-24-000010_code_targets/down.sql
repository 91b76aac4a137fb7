DELETE FROM one_time_codes WHERE purpose NOT IN ('email_verification', 'password_reset');
ALTER TABLE one_time_codes
    DROP COLUMN target,
    DROP CONSTRAINT one_time_codes_purpose_check,
    ADD CONSTRAINT one_time_codes_purpose_check CHECK (purpose IN ('email_verification', 'password_reset'));
