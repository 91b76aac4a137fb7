//! What the engine suggests beside what is looked for: completions, corrections, and jobs that are alike.

use std::collections::BTreeSet;

use jobportal_application::{Store, Suggestion, SuggestionKind};
use jobportal_domain::{JobId, JobStatus, SearchText};
use jobportal_tests::database::TestDatabase;

use crate::fixtures::{after, employer, now, posting, text};
use crate::search::{post, set, words};

on_both![
    what_is_misspelt_is_corrected,
    what_is_typed_is_completed,
    what_jobs_say_is_counted_as_long_as_they_are_published,
    similar_jobs_share_the_title_and_more,
];

fn what_is_misspelt_is_corrected(db: &TestDatabase) {
    let store = db.store();
    post(&*store, &[("Software Engineer", "Zookeeper"), ("Nurse", "x"), ("Nursery help", "x"), ("Bus driver", "x")]);
    for (query, expected) in [
        ("enginer", Some("engineer")),
        ("sofwtare enginer", Some("software engineer")),
        ("softwear", Some("software")),
        ("nurze", Some("nurse")),
        ("\"sofware enginer\"", Some("\"software engineer\"")),
        ("sofware, nurse -enginer driv*", Some("software, nurse driv* -enginer")),
        ("acmee", Some("acme")),
        ("software", None),
        ("zookeeper", None),
        ("nur", None),
        ("xyzzyxyzzy", None),
        ("enginer*", None),
        ("-enginer", None),
        ("aaaa bbbb cccc dddd", None),
        ("", None),
    ] {
        let corrected = store.read(|uow| Ok(uow.search().correct(&SearchText::parse(query))?)).unwrap();
        assert_eq!(corrected, expected.map(SearchText::parse), "{query}");
    }
}

fn suggest(store: &dyn Store, prefix: &str, limit: u32) -> Vec<(SuggestionKind, String, u64)> {
    let suggestions = store.read(|uow| Ok(uow.search().suggest(prefix, &SuggestionKind::ALL, limit)?)).unwrap();
    suggestions.into_iter().map(|Suggestion { kind, text, count }| (kind, text, count)).collect()
}

fn what_is_typed_is_completed(db: &TestDatabase) {
    let store = db.store();
    let jobs = [("Software Engineer", "x"), ("software engineer", "x"), ("Engineer of Engines", "x"), ("Nurse", "x")];
    post(&*store, &jobs);
    let title = |text: &str, count| (SuggestionKind::Title, text.to_owned(), count);
    assert_eq!(suggest(&*store, "engin", 10), [title("Software Engineer", 2), title("Engineer of Engines", 1)]);
    assert_eq!(suggest(&*store, "engin", 1), [title("Software Engineer", 2)]);
    assert_eq!(suggest(&*store, "software e", 10), [title("Software Engineer", 2)]);
    assert_eq!(suggest(&*store, "s", 10), [title("Software Engineer", 2)]);
    assert_eq!(suggest(&*store, "dha", 10), [(SuggestionKind::Place, "Dhaka".to_owned(), 4)]);
    assert_eq!(suggest(&*store, "acm", 10), [(SuggestionKind::Company, "ACME".to_owned(), 4)]);
    for nothing in ["", " ", "oftware", "%", "\0"] {
        assert_eq!(suggest(&*store, nothing, 10), [], "{nothing:?}");
    }
}

fn what_jobs_say_is_counted_as_long_as_they_are_published(db: &TestDatabase) {
    let store = db.store();
    let employer_id = employer(&*store, 1).1;
    let terms = || {
        db.values(
            "SELECT kind || ' ' || term || ' ' || CAST(jobs AS TEXT) AS value FROM search_terms
             WHERE kind IN ('title', 'word') AND entry <> 'acme' ORDER BY kind, term",
        )
    };
    let insert =
        |title, status| store.write(|uow| Ok(uow.jobs().insert(employer_id, &posting(title), status, now())?)).unwrap();
    let update = |job: &_| store.write(|uow| Ok(uow.jobs().update(job)?)).unwrap();
    let mut job = insert("Cook", JobStatus::Published);
    insert("Cook", JobStatus::Published);
    insert("Secret", JobStatus::Draft);
    assert_eq!(terms(), ["title cook 2", "word cook 2"]);
    job.posting.title = text("Chief Cook");
    update(&job);
    assert_eq!(terms(), ["title chief cook 1", "title cook 1", "title cook 1", "word chief 1", "word cook 2"]);
    job.posting.description = text("Something else.");
    update(&job);
    assert_eq!(terms().len(), 5);
    job.status = JobStatus::Paused;
    update(&job);
    assert_eq!(terms(), ["title cook 1", "word cook 1"]);
    job.status = JobStatus::Published;
    update(&job);
    assert_eq!(terms().len(), 5);
    assert_eq!(store.write(|uow| Ok(uow.jobs().close_due(after(86_400), 10)?)).unwrap(), 2);
    assert_eq!(terms(), [""; 0]);
    store.write(|uow| Ok(uow.bulk().delete_all()?)).unwrap();
    assert_eq!(set(&*store, &words("cook")), BTreeSet::new());
}

fn similar_jobs_share_the_title_and_more(db: &TestDatabase) {
    let store = db.store();
    let posted = post(
        &*store,
        &[
            ("Rust Engineer", "x"),
            ("Rust Engineer", "of the same title"),
            ("Senior Rust Engineer", "x"),
            ("Go Engineer", "x"),
            ("Nurse", "x"),
        ],
    );
    let similar = |id, limit| {
        let found = store.read(|uow| Ok(uow.search().similar(id, now(), limit)?)).unwrap();
        found.into_iter().map(|details| details.job.id).collect::<Vec<_>>()
    };
    assert_eq!(similar(posted[0], 10), posted[1..4]);
    assert_eq!(similar(posted[0], 1), posted[1..2]);
    assert_eq!(similar(posted[4], 10), []);
    assert_eq!(similar(JobId(999), 10), []);
}
