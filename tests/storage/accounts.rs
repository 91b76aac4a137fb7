use chrono::TimeDelta;
use jobportal_application::{AccountDetails, Constraint, Error, RepositoryError, UnitOfWork};
use jobportal_domain::{CodePolicy, CodePurpose, OneTimeCode, PasswordHash, PhoneNumber, User, UserId, UserType};
use jobportal_tests::database::TestDatabase;

use crate::fixtures::{after, apply, at_once, candidate, email, employer, job, new_user, now, page, user};

on_both![
    an_account_comes_back_as_it_was_stored,
    there_is_one_account_per_address_and_per_number,
    of_concurrent_registrations_with_one_address_one_wins,
    changes_of_an_account_are_kept,
    an_address_or_a_number_that_is_taken_is_not_given_to_another_account,
    the_directory_pairs_accounts_with_profiles,
    an_employer_knows_who_applied,
    a_code_replaces_the_last_one_of_its_purpose,
    a_code_of_each_purpose_is_kept,
    each_concurrent_try_at_a_code_counts,
];

fn an_account_comes_back_as_it_was_stored(db: &TestDatabase) {
    let store = db.store();
    let new = new_user(1, UserType::Candidate);
    let id = user(&*store, 1, UserType::Candidate);
    let stored = User {
        id,
        email: new.email.clone(),
        phone_number: new.phone_number.clone(),
        user_type: new.user_type,
        password_hash: new.password_hash.clone(),
        verified_at: new.verified_at,
        created_at: new.created_at,
        deactivated_at: None,
    };
    store
        .read(|uow| {
            assert_eq!(uow.users().find(id)?.as_ref(), Some(&stored));
            assert_eq!(uow.users().find_by_email(&new.email)?.as_ref(), Some(&stored));
            assert_eq!(uow.users().find_by_phone_number(&new.phone_number)?.as_ref(), Some(&stored));
            assert_eq!(uow.users().find(UserId(id.0 + 1))?, None);
            assert_eq!(uow.users().find_by_email(&email("nobody@example.com"))?, None);
            assert_eq!(uow.users().find_by_phone_number(&PhoneNumber::parse("01999999999").unwrap())?, None);
            assert_eq!(uow.users().summary(UserId(id.0 + 1))?, None);
            Ok(())
        })
        .unwrap();
}

fn there_is_one_account_per_address_and_per_number(db: &TestDatabase) {
    let store = db.store();
    user(&*store, 1, UserType::Candidate);
    let (first, mut same_address, mut same_number) =
        (new_user(1, UserType::Employer), new_user(2, UserType::Employer), new_user(3, UserType::Employer));
    same_address.email = first.email.clone();
    same_number.phone_number = first.phone_number.clone();
    for (user, constraint) in [(same_address, Constraint::UserEmail), (same_number, Constraint::UserPhoneNumber)] {
        let outcome = store.write(|uow| Ok(uow.users().insert(&user)));
        // A failed statement ends the transaction on either database, whatever the work makes of it.
        assert!(matches!(outcome, Err(Error::Internal(_))));
        let mut seen = None;
        let outcome = store.write(|uow| {
            uow.users().insert(&user).map_err(|error| {
                if let RepositoryError::Conflict(constraint) = error {
                    seen = Some(constraint);
                }
                error.into()
            })
        });
        assert!(matches!(outcome, Err(Error::Conflict(_))));
        assert_eq!(seen, Some(constraint));
    }
}

fn of_concurrent_registrations_with_one_address_one_wins(db: &TestDatabase) {
    let outcomes = at_once(8, &db.store(), |store, thread| {
        let mut new = new_user(u32::try_from(thread).unwrap(), UserType::Candidate);
        new.email = email("same@example.com");
        store.write(|uow| Ok(uow.users().insert(&new)?)).map_err(|error| matches!(error, Error::Conflict(_)))
    });
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Err(true)).count(), 7);
}

fn changes_of_an_account_are_kept(db: &TestDatabase) {
    let store = db.store();
    let mut new = new_user(1, UserType::Candidate);
    new.verified_at = None;
    let hash = PasswordHash::new("$2b$04$other");
    store
        .write(|uow| {
            let id = uow.users().insert(&new)?;
            assert_eq!(uow.users().find(id)?.unwrap().verified_at, None);
            assert!(uow.users().lock(id)?);
            assert!(!uow.users().lock(UserId(id.0 + 1))?);
            uow.users().mark_verified(id, after(1))?;
            uow.users().set_password(id, &hash, after(2))?;
            let (address, number) = (email("bea@example.com"), PhoneNumber::parse("01999999999").unwrap());
            uow.users().set_email(id, &address, after(3))?;
            uow.users().set_phone_number(id, &number, after(4))?;
            let user = uow.users().find(id)?.unwrap();
            assert_eq!((user.verified_at, user.password_hash), (Some(after(1)), hash.clone()));
            assert_eq!((user.email, user.phone_number), (address, number));
            Ok(())
        })
        .unwrap();
}

fn an_address_or_a_number_that_is_taken_is_not_given_to_another_account(db: &TestDatabase) {
    let store = db.store();
    let (first, second) = (new_user(1, UserType::Candidate), user(&*store, 2, UserType::Candidate));
    user(&*store, 1, UserType::Candidate);
    let conflict = |work: &dyn Fn(&mut dyn UnitOfWork) -> Result<(), RepositoryError>| {
        let mut seen = None;
        let outcome = store.write(|uow| {
            work(uow).map_err(|error| {
                if let RepositoryError::Conflict(constraint) = error {
                    seen = Some(constraint);
                }
                error.into()
            })
        });
        assert!(matches!(outcome, Err(Error::Conflict(_))));
        seen
    };
    let seen = conflict(&|uow| uow.users().set_email(second, &first.email, now()));
    assert_eq!(seen, Some(Constraint::UserEmail));
    let seen = conflict(&|uow| uow.users().set_phone_number(second, &first.phone_number, now()));
    assert_eq!(seen, Some(Constraint::UserPhoneNumber));
}

fn the_directory_pairs_accounts_with_profiles(db: &TestDatabase) {
    let store = db.store();
    let (candidate_user, candidate) = candidate(&*store, 1);
    let (employer_user, employer) = employer(&*store, 2);
    let admin = user(&*store, 3, UserType::Admin);
    let unverified = user(&*store, 4, UserType::Candidate);
    let list = |number, size| store.read(|uow| Ok(uow.users().list(page(number, size))?)).unwrap();

    let all = list(1, 10);
    assert_eq!(all.total, 4);
    let users: Vec<_> = all.items.iter().map(|summary| summary.contact.user_id).collect();
    assert_eq!(users, [candidate_user, employer_user, admin, unverified]);
    assert!(matches!(&all.items[0].details, AccountDetails::Candidate(p) if p.id == candidate));
    assert!(matches!(&all.items[1].details, AccountDetails::Employer(p) if p.id == employer));
    assert!(all.items[2..].iter().all(|summary| summary.details == AccountDetails::None));
    assert_eq!(all.items[0].contact.email, Some(new_user(1, UserType::Candidate).email));
    assert_eq!(all.items[0].contact.phone_number, Some(new_user(1, UserType::Candidate).phone_number));

    for summary in &all.items {
        let one = store.read(|uow| Ok(uow.users().summary(summary.contact.user_id)?)).unwrap();
        assert_eq!(one.as_ref(), Some(summary));
    }
    let (first, second, past) = (list(1, 3), list(2, 3), list(3, 3));
    assert_eq!((first.items.len(), first.total), (3, 4));
    assert_eq!((&second.items[..], second.total), (&all.items[3..], 4));
    assert_eq!((past.items.len(), past.total), (0, 4));
}

fn an_employer_knows_who_applied(db: &TestDatabase) {
    let store = db.store();
    let (employer_user, employer_id) = employer(&*store, 1);
    let (other_user, _) = employer(&*store, 2);
    let ((applicant, candidate_id), (stranger, _)) = (candidate(&*store, 3), candidate(&*store, 4));
    for title in ["One", "Two"] {
        apply(&*store, job(&*store, employer_id, title), candidate_id);
    }
    let among =
        |employer| store.read(|uow| Ok(uow.users().applicants_among(employer, &[applicant, stranger])?)).unwrap();
    assert_eq!(among(employer_user), [applicant]);
    assert_eq!(among(other_user), []);
}

fn code(user_id: UserId, purpose: CodePurpose, digest: &str) -> OneTimeCode {
    let target = "ann@example.com".to_owned();
    OneTimeCode::issue(user_id, purpose, target, digest.to_owned(), CodePolicy::default(), now())
}

fn a_code_replaces_the_last_one_of_its_purpose(db: &TestDatabase) {
    let store = db.store();
    let user = user(&*store, 1, UserType::Candidate);
    let (verification, reset) = (CodePurpose::EmailVerification, CodePurpose::PasswordReset);
    store
        .write(|uow| {
            let mut first = code(user, verification, "first");
            uow.codes().replace(&first)?;
            uow.codes().replace(&code(user, reset, "reset"))?;
            first.attempt(now(), |_| true);
            uow.codes().update(&first)?;
            assert_eq!(uow.codes().lock(user, verification)?, Some(first));

            let second = code(user, verification, "second");
            uow.codes().replace(&second)?;
            assert_eq!(uow.codes().lock(user, verification)?, Some(second));
            assert_eq!(uow.codes().lock(user, reset)?, Some(code(user, reset, "reset")));
            assert_eq!(uow.codes().lock(UserId(user.0 + 1), reset)?, None);

            let end = now() + CodePolicy::default().lifetime;
            assert_eq!(uow.codes().purge(end)?, 0);
            assert_eq!(uow.codes().purge(end + TimeDelta::microseconds(1))?, 2);
            assert_eq!(uow.codes().lock(user, reset)?, None);
            Ok(())
        })
        .unwrap();
}

fn a_code_of_each_purpose_is_kept(db: &TestDatabase) {
    let store = db.store();
    let user = user(&*store, 1, UserType::Candidate);
    store
        .write(|uow| {
            for purpose in CodePurpose::ALL {
                uow.codes().replace(&code(user, *purpose, purpose.as_str()))?;
            }
            for purpose in CodePurpose::ALL {
                assert_eq!(uow.codes().lock(user, *purpose)?, Some(code(user, *purpose, purpose.as_str())));
            }
            Ok(())
        })
        .unwrap();
}

fn each_concurrent_try_at_a_code_counts(db: &TestDatabase) {
    let store = db.store();
    let user = user(&*store, 1, UserType::Candidate);
    let purpose = CodePurpose::EmailVerification;
    store.write(|uow| Ok(uow.codes().replace(&code(user, purpose, "d"))?)).unwrap();
    at_once(4, &store, move |store, _| {
        store
            .write(|uow| {
                let mut code = uow.codes().lock(user, purpose)?.unwrap();
                code.attempt(now(), |_| false);
                Ok(uow.codes().update(&code)?)
            })
            .unwrap();
    });
    let left = store.write(|uow| Ok(uow.codes().lock(user, purpose)?.unwrap().attempts_left)).unwrap();
    assert_eq!(left, CodePolicy::default().max_attempts - 4);
}
