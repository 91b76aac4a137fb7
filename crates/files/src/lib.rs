//! Stored documents of the job portal in a local directory
