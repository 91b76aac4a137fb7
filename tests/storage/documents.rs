use jobportal_domain::{DocumentKind, EmployerDetails, PersonalDetails, ProfessionalDetails, UserType, Version};
use jobportal_tests::database::TestDatabase;

use crate::fixtures::{apply, candidate, document, employer, job, new_application, now};

on_both![
    a_document_is_found_by_its_random_name,
    whoever_got_an_application_may_see_the_applicant,
    a_document_in_use_is_not_forgotten,
];

fn a_document_is_found_by_its_random_name(db: &TestDatabase) {
    let store = db.store();
    let (owner, _) = candidate(&*store, 1);
    let new = document(DocumentKind::Resume, "abc");
    let stored = store.write(|uow| Ok(uow.documents().insert(owner, &new, now())?)).unwrap();
    assert_eq!((&stored.public_id, stored.owner_id), (&new.public_id, owner));
    assert_eq!((stored.kind, stored.format, stored.size), (new.kind, new.format, new.size));
    store
        .read(|uow| {
            assert_eq!(uow.documents().find("abc")?, Some((stored.clone(), UserType::Candidate)));
            for other in ["ABC", "", "a\0c", "%"] {
                assert_eq!(uow.documents().find(other)?, None);
            }
            Ok(())
        })
        .unwrap();
}

fn whoever_got_an_application_may_see_the_applicant(db: &TestDatabase) {
    let store = db.store();
    let ((boss, company), (other, _)) = (employer(&*store, 1), employer(&*store, 2));
    let ((applicant, candidate_id), (stranger, _)) = (candidate(&*store, 3), candidate(&*store, 4));
    apply(&*store, job(&*store, company, "Job"), candidate_id);
    store
        .read(|uow| {
            assert!(uow.documents().owner_applied_to(applicant, boss)?);
            assert!(!uow.documents().owner_applied_to(applicant, other)?);
            assert!(!uow.documents().owner_applied_to(stranger, boss)?);
            Ok(())
        })
        .unwrap();
}

fn a_document_in_use_is_not_forgotten(db: &TestDatabase) {
    let store = db.store();
    let ((boss, company), (user, id)) = (employer(&*store, 1), candidate(&*store, 2));
    let job = job(&*store, company, "Job");
    store
        .write(|uow| {
            let mut insert = |owner, kind, name: &str| uow.documents().insert(owner, &document(kind, name), now());
            let picture = insert(user, DocumentKind::ProfilePicture, "picture")?.id;
            let logo = insert(boss, DocumentKind::ProfilePicture, "logo")?.id;
            let resume = insert(user, DocumentKind::Resume, "resume")?.id;
            let attachment = insert(user, DocumentKind::Resume, "attachment")?.id;
            let all = [picture, logo, resume, attachment];

            let mut application = new_application(job, id);
            application.resume = Some(attachment);
            uow.applications().insert(&application)?;
            uow.candidates().update_personal(id, &PersonalDetails::default(), Some(picture), Version(2), now())?;
            uow.candidates().save_professional(id, &ProfessionalDetails::default(), Some(resume), Version(3), now())?;
            uow.employers().update(company, &EmployerDetails::default(), Some(logo), Version(2), now())?;
            for document in all {
                assert!(!uow.documents().delete_unused(document)?);
            }

            uow.candidates().update_personal(id, &PersonalDetails::default(), None, Version(4), now())?;
            uow.candidates().save_professional(id, &ProfessionalDetails::default(), None, Version(5), now())?;
            uow.employers().update(company, &EmployerDetails::default(), None, Version(3), now())?;
            for (document, is_deleted) in all.into_iter().zip([true, true, true, false]) {
                assert_eq!(uow.documents().delete_unused(document)?, is_deleted);
                assert!(!uow.documents().delete_unused(document)?);
            }
            assert!(uow.documents().find("attachment")?.is_some());
            assert!(uow.documents().find("resume")?.is_none());
            Ok(())
        })
        .unwrap();
}
