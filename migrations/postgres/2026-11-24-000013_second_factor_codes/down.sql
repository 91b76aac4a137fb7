DELETE FROM one_time_codes WHERE purpose = 'second_factor_enrolment';
ALTER TABLE one_time_codes
    DROP CONSTRAINT one_time_codes_purpose_check,
    ADD CONSTRAINT one_time_codes_purpose_check CHECK (
        purpose IN ('email_verification', 'password_reset', 'email_change', 'phone_number_change')
    );
