//! The job portal: one binary that serves the API, delivers mail and runs periodic jobs
