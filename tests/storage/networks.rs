use chrono::TimeDelta;
use jobportal_domain::UserType;
use jobportal_tests::database::TestDatabase;

use crate::fixtures::{after, user};

on_both![a_user_is_known_in_the_last_networks_they_came_from_and_nobody_else_is];

fn a_user_is_known_in_the_last_networks_they_came_from_and_nobody_else_is(db: &TestDatabase) {
    let store = db.store();
    let (ann, bob) = (user(&*store, 1, UserType::Candidate), user(&*store, 2, UserType::Candidate));
    store
        .write(|uow| {
            for (number, digest) in ["home", "office", "home", "train"].into_iter().enumerate() {
                uow.networks().remember(ann, digest, after(number.try_into().unwrap()), 2)?;
            }
            uow.networks().remember(bob, "cafe", after(0), 2)?;
            let mut known =
                |user| ["home", "office", "train", "cafe"].map(|name| uow.networks().is_known(user, name).unwrap());
            assert_eq!(known(ann), [true, false, true, false]);
            assert_eq!(known(bob), [false, false, false, true]);

            assert_eq!(uow.networks().purge(after(2))?, 1);
            assert_eq!(uow.networks().purge(after(2) + TimeDelta::microseconds(1))?, 1);
            assert!(uow.networks().is_known(ann, "train")?);
            Ok(())
        })
        .unwrap();
}
