//! Mail of the job portal: texts, SMTP delivery and a mailer for development
