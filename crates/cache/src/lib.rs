//! Short-lived shared state of the job portal: rate limits and ended sessions
