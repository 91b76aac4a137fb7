use chrono::TimeDelta;
use jobportal_application::Store;
use jobportal_tests::database::TestDatabase;

use crate::fixtures::{after, at_once};

on_both![a_task_runs_once_a_period, of_concurrent_claims_one_is_granted];

fn claim(store: &dyn Store, task: &str, seconds: i64) -> bool {
    store.write(|uow| Ok(uow.schedule().claim(task, after(seconds), TimeDelta::seconds(10))?)).unwrap()
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
        assert_eq!(claim(&*store, task, seconds), is_granted, "{task} at {seconds}");
    }
}

fn of_concurrent_claims_one_is_granted(db: &TestDatabase) {
    for seconds in [0, 10] {
        let granted = at_once(8, &db.store(), move |store, _| claim(store, "renewal", seconds));
        assert_eq!(granted.into_iter().filter(|is_granted| *is_granted).count(), 1);
    }
}
