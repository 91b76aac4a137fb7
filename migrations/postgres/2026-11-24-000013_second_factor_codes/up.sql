-- A code is for the enrolment of a second factor that is demanded, too.
ALTER TABLE one_time_codes
    DROP CONSTRAINT one_time_codes_purpose_check,
    ADD CONSTRAINT one_time_codes_purpose_check CHECK (
        purpose IN (
            'email_verification', 'password_reset', 'email_change', 'phone_number_change', 'second_factor_enrolment'
        )
    );
