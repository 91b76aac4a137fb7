use chrono::TimeDelta;
use jobportal_application::{Store, TaskRun};
use jobportal_tests::database::TestDatabase;

use crate::fixtures::{after, at_once};

on_both![
    a_task_runs_once_a_period,
    of_concurrent_claims_one_is_granted,
    a_run_of_a_node_that_died_is_taken_up_by_another,
    a_run_that_was_given_back_is_due_at_once,
    who_lost_a_run_can_not_end_it,
];

const LEASE: TimeDelta = TimeDelta::seconds(5);

fn run(owner: &str, task: &str, seconds: i64) -> TaskRun {
    TaskRun { task: task.to_owned(), owner: owner.to_owned(), began_at: after(seconds) }
}

fn claim(store: &dyn Store, run: &TaskRun) -> bool {
    store.write(|uow| Ok(uow.schedule().claim(run, run.began_at + LEASE)?)).unwrap()
}

fn keep(store: &dyn Store, run: &TaskRun, seconds: i64) -> bool {
    store.write(|uow| Ok(uow.schedule().keep(run, after(seconds))?)).unwrap()
}

fn end(store: &dyn Store, run: &TaskRun, next: Option<i64>) {
    store.write(|uow| Ok(uow.schedule().end(run, next.map(after))?)).unwrap();
}

fn a_task_runs_once_a_period(db: &TestDatabase) {
    let store = db.store();
    for (task, seconds, is_granted) in [
        ("renewal", 0, true),
        ("renewal", 0, false),
        ("purge", 0, true),
        ("renewal", 9, false),
        ("renewal", 10, true),
        ("renewal", 19, false),
        ("renewal", 100, true),
        ("renewal", 109, false),
    ] {
        let run = run("node-1", task, seconds);
        assert_eq!(claim(&*store, &run), is_granted, "{task} at {seconds}");
        if is_granted {
            end(&*store, &run, Some(seconds + 10));
        }
    }
}

fn of_concurrent_claims_one_is_granted(db: &TestDatabase) {
    for seconds in [0, 10] {
        let granted =
            at_once(8, &db.store(), move |store, node| claim(store, &run(&format!("node-{node}"), "renewal", seconds)));
        assert_eq!(granted.into_iter().filter(|is_granted| *is_granted).count(), 1);
    }
}

fn a_run_of_a_node_that_died_is_taken_up_by_another(db: &TestDatabase) {
    let store = db.store();
    let (first, second) = (run("node-1", "renewal", 0), |seconds| run("node-2", "renewal", seconds));
    assert!(claim(&*store, &first));
    assert!(!claim(&*store, &second(4)));
    // It is alive, and needs longer.
    assert!(keep(&*store, &first, 9));
    assert!(!claim(&*store, &second(8)));
    assert!(claim(&*store, &second(9)));
}

fn a_run_that_was_given_back_is_due_at_once(db: &TestDatabase) {
    let store = db.store();
    let first = run("node-1", "renewal", 0);
    assert!(claim(&*store, &first));
    end(&*store, &first, None);
    assert!(claim(&*store, &run("node-2", "renewal", 1)));
}

fn who_lost_a_run_can_not_end_it(db: &TestDatabase) {
    let store = db.store();
    let (first, second) = (run("node-1", "renewal", 0), run("node-2", "renewal", 5));
    assert!(claim(&*store, &first) && claim(&*store, &second));
    assert!(!keep(&*store, &first, 100));
    end(&*store, &first, Some(1_000));
    assert!(!claim(&*store, &run("node-3", "renewal", 6)));
    end(&*store, &second, Some(15));
    assert!(!claim(&*store, &run("node-3", "renewal", 14)));
    assert!(claim(&*store, &run("node-3", "renewal", 15)));
}
