use super::{AccountSummary, Accounts, Contact, Directory};
use crate::{Action, Actor, Error, Page, PageRequest, Relation, Result, Role, UnitOfWork, Verdict};

impl Accounts {
    /// Lists all accounts with their profiles. Under [`Directory::Restricted`] contacts are shown only to those who may
    /// know them.
    pub fn list(&self, actor: &Actor, page: PageRequest) -> Result<Page<AccountSummary>> {
        actor.require(Action::ListAccounts)?;
        self.store.read(|uow| {
            let mut page = uow.users().list(page)?.or_invalid()?;
            let contacts = page.items.iter_mut().map(|summary| &mut summary.contact).collect();
            redact(uow, actor, self.settings.directory, contacts)?;
            Ok(page)
        })
    }

    /// The account of the one who asks, with its profile; [`Error::NotFound`] once it is gone.
    pub fn own(&self, actor: &Actor) -> Result<AccountSummary> {
        actor.require(Action::ReadOwnAccount)?;
        self.store.read(|uow| uow.users().summary(actor.user_id)?.ok_or(Error::NotFound("User not found.")))
    }
}

/// Takes out the contacts that `viewer` may not know.
pub(crate) fn redact(
    uow: &mut dyn UnitOfWork,
    viewer: &Actor,
    directory: Directory,
    contacts: Vec<&mut Contact>,
) -> Result<()> {
    const ACTION: Action = Action::ReadContact;
    if directory == Directory::Open || contacts.is_empty() {
        return Ok(());
    }
    let role = Role::of(Some(viewer));
    let users: Vec<_> = contacts.iter().map(|contact| contact.user_id).collect();
    let applicants = if ACTION.asks_for_applicants(role) {
        uow.users().applicants_among(viewer.user_id, &users)?
    } else {
        Vec::new()
    };
    for contact in contacts {
        let relation = match Relation::to(contact.user_id, Some(viewer)) {
            Relation::Foreign if applicants.contains(&contact.user_id) => Relation::Applicant,
            other => other,
        };
        if ACTION.verdict(role, relation) != Verdict::Allowed {
            contact.email = None;
            contact.phone_number = None;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use jobportal_domain::{UserId, UserType};
    use mockall::predicate::eq;

    use super::*;
    use crate::fixtures::{
        ADMIN_USER, AccountsFixture, CANDIDATE_USER, EMPLOYER_USER, STRANGER, admin, candidate, employer, page,
        page_of, past_the_end, summary,
    };

    /// Whose contacts `viewer` sees in a list of everyone. The candidate has applied to the employer; the stranger, a
    /// candidate too, has not.
    fn visible(viewer: &Actor, directory: Directory) -> Vec<UserId> {
        let everyone = || {
            vec![
                summary(CANDIDATE_USER, UserType::Candidate),
                summary(EMPLOYER_USER, UserType::Employer),
                summary(ADMIN_USER, UserType::Admin),
                summary(STRANGER, UserType::Candidate),
            ]
        };
        let mut fixture = AccountsFixture::default();
        fixture.settings.directory = directory;
        fixture.uow.users.expect_list().with(eq(page())).returning(move |_| Ok(page_of(everyone())));
        fixture
            .uow
            .users
            .expect_applicants_among()
            .withf(|employer, users| *employer == EMPLOYER_USER && users.len() == 4)
            .returning(|_, _| Ok(vec![CANDIDATE_USER]));
        let (accounts, _) = fixture.wire();
        let seen = accounts.list(viewer, page()).unwrap();
        assert_eq!(seen.items.len(), 4, "nobody is left out");
        assert!(seen.items.iter().all(|item| item.contact.email.is_some() == item.contact.phone_number.is_some()));
        seen.items.into_iter().filter(|item| item.contact.email.is_some()).map(|item| item.contact.user_id).collect()
    }

    #[test]
    fn an_open_directory_shows_every_contact_to_everyone_signed_in() {
        for viewer in [candidate(), employer(), admin()] {
            assert_eq!(visible(&viewer, Directory::Open).len(), 4);
        }
    }

    #[test]
    fn a_restricted_directory_shows_contacts_to_those_who_may_know_them() {
        assert_eq!(visible(&candidate(), Directory::Restricted), [CANDIDATE_USER]);
        assert_eq!(visible(&employer(), Directory::Restricted), [CANDIDATE_USER, EMPLOYER_USER]);
        assert_eq!(visible(&admin(), Directory::Restricted).len(), 4);
    }

    #[test]
    fn a_page_past_the_end_is_not_there() {
        let mut fixture = AccountsFixture::default();
        fixture.uow.users.expect_list().returning(|_| Ok(past_the_end()));
        let (accounts, _) = fixture.wire();
        assert!(matches!(accounts.list(&admin(), page()), Err(Error::NotFound("Invalid page."))));
    }

    #[test]
    fn ones_own_account_is_shown_in_full_whatever_the_directory() {
        let mut fixture = AccountsFixture::default();
        fixture.settings.directory = Directory::Restricted;
        let own = summary(CANDIDATE_USER, UserType::Candidate);
        let stored = own.clone();
        fixture.uow.users.expect_summary().with(eq(CANDIDATE_USER)).returning(move |_| Ok(Some(stored.clone())));
        fixture.uow.users.expect_summary().returning(|_| Ok(None));
        let (accounts, _) = fixture.wire();
        assert_eq!(accounts.own(&candidate()).unwrap(), own);
        assert!(matches!(accounts.own(&employer()), Err(Error::NotFound(_))));
    }
}
