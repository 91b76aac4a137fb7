use chrono::NaiveDate;
use jobportal_application::Contact;
use jobportal_domain::{
    CandidateId, CandidateProfile, DocumentKind, PersonalDetails, ProfessionalDetails, ProfessionalProfile, Section,
    Text, UserId, UserType, Version, WebAddress,
};
use jobportal_tests::database::TestDatabase;

use crate::fixtures::{after, candidate, document, new_user, now, page, text};

on_both![
    a_new_profile_is_empty,
    every_part_of_a_profile_comes_back_and_can_be_replaced,
    profiles_are_listed_by_id_with_their_own_lists,
];

fn personal() -> PersonalDetails {
    PersonalDetails {
        first_name: Some(text("Zoë")),
        last_name: Some(text("O'Neil")),
        address: Some(text("1, Road\nDhaka")),
        bio: Some(text("I 🦀.")),
        social_links: ["https://b.example/z", "https://a.example/y"].map(|l| WebAddress::parse(l).unwrap()).to_vec(),
        gender: Some(text("x")),
        birth_date: NaiveDate::from_ymd_opt(1995, 6, 15),
    }
}

/// Two entries in each section but one, the second before the first in the alphabet.
fn details(mark: &str) -> ProfessionalDetails {
    let mut details = ProfessionalDetails::default();
    for section in &Section::ALL[1..] {
        let entry = |letter: &str| -> Text<500> { text(&format!("{letter} {mark} {section}")) };
        details.set(*section, vec![entry("b"), entry("a")]).unwrap();
    }
    details
}

fn a_new_profile_is_empty(db: &TestDatabase) {
    let store = db.store();
    let (user_id, id) = candidate(&*store, 1);
    let empty = CandidateProfile {
        id,
        user_id,
        personal: PersonalDetails::default(),
        picture: None,
        professional: None,
        version: Version::FIRST,
    };
    store
        .read(|uow| {
            let found = uow.candidates().find(id)?.unwrap();
            assert_eq!(found.profile, empty);
            let new = new_user(1, UserType::Candidate);
            let contact = Contact {
                user_id,
                user_type: UserType::Candidate,
                email: Some(new.email),
                phone_number: Some(new.phone_number),
            };
            assert_eq!(found.contact, contact);
            assert_eq!(uow.candidates().find_by_user(user_id)?, Some(found));
            assert_eq!(uow.candidates().id_of_user(user_id)?, Some(id));
            assert_eq!(uow.candidates().find(CandidateId(id.0 + 1))?, None);
            assert_eq!(uow.candidates().find_by_user(UserId(user_id.0 + 1))?, None);
            assert_eq!(uow.candidates().id_of_user(UserId(user_id.0 + 1))?, None);
            Ok(())
        })
        .unwrap();
}

fn every_part_of_a_profile_comes_back_and_can_be_replaced(db: &TestDatabase) {
    let store = db.store();
    let (user_id, id) = candidate(&*store, 1);
    store
        .write(|uow| {
            let picture = uow.documents().insert(user_id, &document(DocumentKind::ProfilePicture, "p"), now())?;
            let resume = uow.documents().insert(user_id, &document(DocumentKind::Resume, "r"), now())?;
            uow.candidates().update_personal(id, &personal(), Some(picture.id), Version(2), now())?;
            let professional =
                uow.candidates().save_professional(id, &details("old"), Some(resume.id), Version(3), now())?;
            let mut expected = CandidateProfile {
                id,
                user_id,
                personal: personal(),
                picture: Some(picture),
                professional: Some(ProfessionalProfile {
                    id: professional,
                    resume: Some(resume),
                    details: details("old"),
                }),
                version: Version(3),
            };
            assert_eq!(uow.candidates().find(id)?.unwrap().profile, expected);

            let again = uow.candidates().save_professional(id, &details("new"), None, Version(4), after(1))?;
            assert_eq!(again, professional);
            expected.revise_professional(details("new"), None);
            assert_eq!(uow.candidates().find(id)?.unwrap().profile, expected);

            uow.candidates().update_personal(id, &PersonalDetails::default(), None, Version(5), after(1))?;
            expected.revise_personal(PersonalDetails::default(), None);
            assert_eq!(uow.candidates().find(id)?.unwrap().profile, expected);
            Ok(())
        })
        .unwrap();
}

fn profiles_are_listed_by_id_with_their_own_lists(db: &TestDatabase) {
    let store = db.store();
    let ids: Vec<_> = (0..3).map(|number| candidate(&*store, number).1).collect();
    store
        .write(|uow| {
            for id in &ids[..2] {
                uow.candidates().save_professional(*id, &details(&id.to_string()), None, Version(2), now())?;
            }
            uow.candidates().update_personal(ids[2], &personal(), None, Version(2), now())?;

            let all = uow.candidates().list(page(1, 10))?;
            assert_eq!(all.items.iter().map(|account| account.profile.id).collect::<Vec<_>>(), ids);
            for account in &all.items[..2] {
                let professional = account.profile.professional.as_ref().unwrap();
                assert_eq!(professional.details, details(&account.profile.id.to_string()));
            }
            assert_eq!(all.items[2].profile.personal, personal());
            let (first, second) = (uow.candidates().list(page(1, 2))?, uow.candidates().list(page(2, 2))?);
            assert_eq!((&first.items[..], first.total), (&all.items[..2], 3));
            assert_eq!((&second.items[..], second.total), (&all.items[2..], 3));
            Ok(())
        })
        .unwrap();
}
