//! The table of who may do what, as a page of the documentation.

use std::fmt::Write;

use jobportal_application::{Action, Relation, Role};

use crate::openapi::documented_path;
use crate::routes::table;

const ABOUT: &str = "\
## Who may do what

This table is the one that decides. A cell says with what a role may do something:

| | |
|---|---|
| yes | with everything |
| own | with what is theirs: their account, profile or document, a job they posted, an application to such a job |
| applicants | with the contact and the résumé of a candidate who applied to a job of theirs |
| published | with what is made for others to see: a job that is no draft, the picture of an employer |
| no | with nothing |

Who is not signed in and may not is answered with 401. A role that does it with nothing gets 403, before the id in the path or the body is looked \
at. A role that does it with other things gets 404, the same as if this one were not there. Only the id of someone else in a body, where the \
caller's own belongs (`user`, `candidate`, `employer`), is 403: it names nothing that the caller could find out.

Where the operator demands a second factor, a session without one may only enrol it and sign out; all else that takes signing in is 403.

| what | not signed in | candidate | employer | admin | by |
|---|---|---|---|---|---|
";

/// Every route of the API: its method, its path, and what it does.
pub fn routes() -> Vec<(String, String, Action)> {
    let verbs = |entry: crate::routes::Entry| {
        let path = documented_path(entry.path);
        entry.verbs.into_iter().map(move |verb| (verb.method.to_string(), path.clone(), verb.action))
    };
    table().into_iter().flat_map(verbs).collect()
}

/// The table of who may do what, as Markdown.
pub fn permissions() -> String {
    let (mut page, routes) = (ABOUT.to_owned(), routes());
    for action in Action::ALL {
        let cells = Role::ALL.iter().map(|role| cell(action.granted(*role))).collect::<Vec<_>>().join(" | ");
        let by: Vec<_> =
            routes.iter().filter(|(_, _, does)| does == action).map(|(m, p, _)| format!("`{m} {p}`")).collect();
        // Writing to a text can't fail.
        let _ = writeln!(page, "| {} | {cells} | {} |", action.as_str(), by.join(", "));
    }
    page
}

fn cell(granted: &[Relation]) -> String {
    if granted.is_empty() {
        return "no".to_owned();
    }
    if granted == Relation::ALL {
        return "yes".to_owned();
    }
    let words = granted.iter().map(|relation| match relation {
        Relation::Own => "own",
        Relation::Applicant => "applicants",
        Relation::Published => "published",
        Relation::Foreign => "others",
    });
    words.collect::<Vec<_>>().join(", ")
}
