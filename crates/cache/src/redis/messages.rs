//! What nodes tell each other, as text: `NODE ITEM,ITEM…`.

use std::time::Duration;

use jobportal_application::Subject;
use jobportal_domain::{EmployerId, JobId};

/// What a message says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) changed: Vec<Subject>,
    pub(super) ended: Vec<(String, Duration)>,
}

/// The message of a node about what changed there.
pub(super) fn of_changes(node: &str, subjects: &[Subject]) -> String {
    let mut items: Vec<String> = subjects.iter().map(|subject| item(*subject)).collect();
    items.sort_unstable();
    items.dedup();
    format!("{node} {}", items.join(","))
}

/// The message of a node about a session that has ended, and for how long its tokens would be good.
pub(super) fn of_end(node: &str, session_id: &str, lifetime: Duration) -> String {
    format!("{node} s{}:{session_id}", lifetime.as_millis())
}

/// What a message says, unless `node` itself has sent it. What can't be read is from a newer version, and may be about anything.
pub(super) fn read(message: &str, node: &str) -> Told {
    let (sender, items) = message.split_once(' ').unwrap_or(("", message));
    let mut told = Told::default();
    if sender == node {
        return told;
    }
    for item in items.split(',') {
        if let Some(end) = ended(item) {
            told.ended.push(end);
        } else {
            told.changed.push(subject(item).unwrap_or(Subject::Everything));
        }
    }
    told
}

fn item(subject: Subject) -> String {
    match subject {
        Subject::Job(id) => format!("j{id}"),
        Subject::Employer(id) => format!("e{id}"),
        Subject::Jobs => "jobs".to_owned(),
        Subject::Plans => "plans".to_owned(),
        Subject::Outbox => "outbox".to_owned(),
        Subject::Everything => "all".to_owned(),
    }
}

fn subject(item: &str) -> Option<Subject> {
    match item {
        "jobs" => return Some(Subject::Jobs),
        "plans" => return Some(Subject::Plans),
        "outbox" => return Some(Subject::Outbox),
        _ => {}
    }
    let id = |prefix| item.strip_prefix(prefix)?.parse::<i64>().ok();
    let job = id('j').map(|id| Subject::Job(JobId(id)));
    job.or_else(|| Some(Subject::Employer(EmployerId(id('e')?))))
}

fn ended(item: &str) -> Option<(String, Duration)> {
    let (millis, session_id) = item.strip_prefix('s')?.split_once(':')?;
    Some((session_id.to_owned(), Duration::from_millis(millis.parse().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Subject; 6] = [
        Subject::Job(JobId(12)),
        Subject::Employer(EmployerId(3)),
        Subject::Jobs,
        Subject::Plans,
        Subject::Outbox,
        Subject::Everything,
    ];

    #[test]
    fn a_message_is_read_as_it_was_meant_and_by_others_alone() {
        for subject in ALL {
            let message = of_changes("a", &[subject, subject]);
            assert_eq!(read(&message, "b"), Told { changed: vec![subject], ended: vec![] }, "{message}");
            assert_eq!(read(&message, "a"), Told::default(), "{message}");
        }
        assert_eq!(read(&of_changes("a", &ALL), "b").changed.len(), ALL.len());
        let end = of_end("a", "x-_Y", Duration::from_secs(1800));
        let ended = vec![("x-_Y".to_owned(), Duration::from_secs(1800))];
        assert_eq!(read(&end, "b"), Told { changed: vec![], ended });
    }

    #[test]
    fn what_can_not_be_read_may_be_about_anything() {
        for message in ["", "a", "a ", "a x", "a j", "a jx", "a s1", "a sx:y", "a j99999999999999999999"] {
            assert_eq!(read(message, "b").changed, [Subject::Everything], "{message}");
        }
        assert_eq!(read("a j1,x", "b").changed, [Subject::Job(JobId(1)), Subject::Everything]);
    }
}
