use jobportal_domain::UserType;

use super::{AccountSummary, Accounts, Contact, Directory};
use crate::{Actor, Error, Page, PageRequest, Result, UnitOfWork};

impl Accounts {
    /// Lists all accounts with their profiles. Under [`Directory::Restricted`] contacts are shown only to those who may know
    /// them.
    pub fn list(&self, actor: &Actor, page: PageRequest) -> Result<Page<AccountSummary>> {
        self.store.read(|uow| {
            let mut page = uow.users().list(page)?.or_invalid()?;
            let contacts = page.items.iter_mut().map(|summary| &mut summary.contact).collect();
            redact(uow, actor, self.settings.directory, contacts)?;
            Ok(page)
        })
    }

    /// The account of the one who asks, with its profile.
    pub fn own(&self, actor: &Actor) -> Result<AccountSummary> {
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
    if directory == Directory::Open || viewer.user_type == UserType::Admin || contacts.is_empty() {
        return Ok(());
    }
    let users: Vec<_> = contacts.iter().map(|contact| contact.user_id).collect();
    let known = match viewer.user_type {
        UserType::Employer => uow.users().applicants_among(viewer.user_id, &users)?,
        _ => Vec::new(),
    };
    for contact in contacts {
        if contact.user_id != viewer.user_id && !known.contains(&contact.user_id) {
            contact.email = None;
            contact.phone_number = None;
        }
    }
    Ok(())
}
