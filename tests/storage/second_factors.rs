use chrono::TimeDelta;
use jobportal_domain::{SecondFactor, UserId, UserType};
use jobportal_tests::database::TestDatabase;

use crate::fixtures::{after, at_once, now, user};

on_both![
    a_second_factor_is_kept_and_removed_with_its_recovery_codes,
    each_concurrent_try_at_a_second_factor_counts,
    a_recovery_code_is_used_once_however_many_use_it_at_once,
    a_second_factor_goes_with_its_account,
];

fn factor(user_id: UserId) -> SecondFactor {
    SecondFactor::enrol(user_id, "sealed".to_owned(), now())
}

fn digests(name: &str) -> Vec<String> {
    (0..10).map(|number| format!("{name}{number}")).collect()
}

fn a_second_factor_is_kept_and_removed_with_its_recovery_codes(db: &TestDatabase) {
    let store = db.store();
    let [owner, other] = [1, 2].map(|number| user(&*store, number, UserType::Employer));
    store
        .write(|uow| {
            let factors = uow.second_factors();
            assert_eq!(factors.find(owner)?, None);
            assert!(!factors.delete(owner)?);
            factors.replace(&factor(owner))?;
            factors.replace(&factor(other))?;
            assert_eq!(factors.lock(owner)?, Some(factor(owner)));
            let used = SecondFactor {
                sealed_secret: "another".to_owned(),
                enrolled_at: after(1),
                confirmed_at: Some(after(2)),
                last_step: Some(i64::MAX),
                failures: u16::MAX,
                blocked_until: Some(after(3)),
                ..factor(owner)
            };
            factors.replace(&used)?;
            assert_eq!(factors.find(owner)?.as_ref(), Some(&used));
            factors.replace(&factor(owner))?;
            assert_eq!(factors.find(owner)?, Some(factor(owner)), "nothing is left");

            factors.replace_recovery_codes(owner, &digests("first"))?;
            factors.replace_recovery_codes(other, &digests("first"))?;
            assert!(factors.use_recovery_code(owner, "first3")?);
            assert!(!factors.use_recovery_code(owner, "first3")?);
            assert_eq!(factors.count_recovery_codes(owner)?, 9);
            assert_eq!(factors.count_recovery_codes(other)?, 10);
            factors.replace_recovery_codes(owner, &digests("second"))?;
            assert!(!factors.use_recovery_code(owner, "first4")?);
            assert!(factors.use_recovery_code(owner, "second4")?);

            assert!(factors.delete(owner)?);
            assert_eq!(factors.count_recovery_codes(owner)?, 0);
            assert_eq!(factors.find(other)?, Some(factor(other)));
            assert!(factors.use_recovery_code(other, "first3")?);
            Ok(())
        })
        .unwrap();
}

fn each_concurrent_try_at_a_second_factor_counts(db: &TestDatabase) {
    let store = db.store();
    let user = user(&*store, 1, UserType::Candidate);
    store.write(|uow| Ok(uow.second_factors().replace(&factor(user))?)).unwrap();
    at_once(4, &store, move |store, _| {
        store
            .write(|uow| {
                let mut factor = uow.second_factors().lock(user)?.unwrap();
                factor.attempt(now(), |_| false);
                Ok(uow.second_factors().replace(&factor)?)
            })
            .unwrap();
    });
    let failures = store.read(|uow| Ok(uow.second_factors().find(user)?.unwrap().failures)).unwrap();
    assert_eq!(failures, 4);
}

fn a_recovery_code_is_used_once_however_many_use_it_at_once(db: &TestDatabase) {
    let store = db.store();
    let user = user(&*store, 1, UserType::Candidate);
    store
        .write(|uow| {
            uow.second_factors().replace(&factor(user))?;
            Ok(uow.second_factors().replace_recovery_codes(user, &digests("code"))?)
        })
        .unwrap();
    let outcomes = at_once(8, &store, move |store, _| {
        store.write(|uow| Ok(uow.second_factors().use_recovery_code(user, "code7")?)).unwrap()
    });
    assert_eq!(outcomes.iter().filter(|was_used| **was_used).count(), 1);
}

fn a_second_factor_goes_with_its_account(db: &TestDatabase) {
    let store = db.store();
    let mut new = crate::fixtures::new_user(1, UserType::Candidate);
    new.verified_at = None;
    store
        .write(|uow| {
            let id = uow.users().insert(&new)?;
            uow.second_factors().replace(&factor(id))?;
            uow.second_factors().replace_recovery_codes(id, &digests("code"))?;
            assert_eq!(uow.users().purge_unverified(new.created_at + TimeDelta::seconds(1))?, 1);
            assert_eq!(uow.second_factors().find(id)?, None);
            assert_eq!(uow.second_factors().count_recovery_codes(id)?, 0);
            Ok(())
        })
        .unwrap();
}
