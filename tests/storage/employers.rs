use jobportal_domain::{DocumentKind, EmployerDetails, EmployerId, EmployerProfile, UserId, Version, WebAddress};
use jobportal_tests::database::TestDatabase;

use crate::fixtures::{after, document, employer, now, page, text};

on_both![a_profile_comes_back_and_can_be_replaced, profiles_are_listed_by_id];

fn a_profile_comes_back_and_can_be_replaced(db: &TestDatabase) {
    let store = db.store();
    let (user_id, id) = employer(&*store, 1);
    let details = EmployerDetails {
        first_name: Some(text("Ann")),
        last_name: Some(text("Abc")),
        address: Some(text("Street")),
        website: WebAddress::parse("https://acme.example").ok(),
        company_name: Some(text("ACME")),
    };
    store
        .write(|uow| {
            let mut expected = EmployerProfile {
                id,
                user_id,
                details: EmployerDetails::default(),
                picture: None,
                version: Version::FIRST,
            };
            assert_eq!(uow.employers().find(id)?.as_ref(), Some(&expected));
            let picture = uow.documents().insert(user_id, &document(DocumentKind::ProfilePicture, "p"), now())?;
            uow.employers().update(id, &details, Some(picture.id), Version(2), after(1))?;
            expected.revise(details.clone(), Some(picture));
            assert_eq!(uow.employers().find(id)?.as_ref(), Some(&expected));
            assert_eq!(uow.employers().find_by_user(user_id)?.as_ref(), Some(&expected));

            uow.employers().update(id, &EmployerDetails::default(), None, Version(3), after(2))?;
            expected.revise(EmployerDetails::default(), None);
            assert_eq!(uow.employers().find(id)?, Some(expected));
            assert_eq!(uow.employers().find(EmployerId(id.0 + 1))?, None);
            assert_eq!(uow.employers().find_by_user(UserId(user_id.0 + 1))?, None);
            Ok(())
        })
        .unwrap();
}

fn profiles_are_listed_by_id(db: &TestDatabase) {
    let store = db.store();
    let ids: Vec<_> = (0..3).map(|number| employer(&*store, number).1).collect();
    let list = |number, size| {
        let page = store.read(|uow| Ok(uow.employers().list(page(number, size))?)).unwrap();
        (page.items.into_iter().map(|profile| profile.id).collect::<Vec<_>>(), page.total)
    };
    assert_eq!(list(1, 10), (ids.clone(), 3));
    assert_eq!(list(1, 2), (ids[..2].to_vec(), 3));
    assert_eq!(list(2, 2), (ids[2..].to_vec(), 3));
    assert_eq!(list(9, 2), (Vec::new(), 3));
}
