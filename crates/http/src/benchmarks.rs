//! Hot paths without I/O, for `tests/bench/paths.rs` alone; no part of the crate's interface.

use chrono::{DateTime, Utc};
use jobportal_application::{JobDetails, Position};

use crate::conditional;
use crate::cursor::{List, read, write};
use crate::jobs::JobDetailsBody;

/// The tag of an answer.
pub fn entity_tag(body: &[u8]) -> String {
    conditional::entity_tag(body, None)
}

/// Jobs with their employers, as JSON.
pub fn json_of_jobs(jobs: Vec<JobDetails>, now: DateTime<Utc>) -> Option<Vec<u8>> {
    serde_json::to_vec(&jobs.into_iter().map(|job| JobDetailsBody::new(job, now)).collect::<Vec<_>>()).ok()
}

/// A place that was written as a cursor and read again.
pub fn through_a_cursor(position: Position) -> Option<Position> {
    read(List::JobChanges, &write(List::JobChanges, position)).ok()
}
