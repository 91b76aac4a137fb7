use crate::{EmployerId, StoredDocument, Text, UserId, Version, WebAddress};

/// What an employer tells about itself. Everything is optional.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EmployerDetails {
    /// Given name of the person behind the account.
    pub first_name: Option<Text<150>>,
    /// Family name of the person behind the account.
    pub last_name: Option<Text<150>>,
    /// Postal address.
    pub address: Option<Text<500>>,
    /// The company's own site.
    pub website: Option<WebAddress>,
    /// The company's name; a job that names no company carries it.
    pub company_name: Option<Text<200>>,
}

/// The profile of an employer; made when the e-mail address is verified, and open to everyone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmployerProfile {
    /// Its identity.
    pub id: EmployerId,
    /// Whose profile it is.
    pub user_id: UserId,
    /// What it tells.
    pub details: EmployerDetails,
    /// The picture or logo.
    pub picture: Option<StoredDocument>,
    /// Of this state.
    pub version: Version,
}

impl EmployerProfile {
    /// Changes what the profile tells, and its picture.
    pub fn revise(&mut self, details: EmployerDetails, picture: Option<StoredDocument>) {
        if self.details != details || self.picture != picture {
            self.details = details;
            self.picture = picture;
            self.version = self.version.next();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EmployerId;

    #[test]
    fn a_revision_is_counted_if_it_changes_anything() {
        let details = EmployerDetails::default();
        let (id, user_id, version) = (EmployerId(1), UserId(2), Version::FIRST);
        let mut profile = EmployerProfile { id, user_id, details: details.clone(), picture: None, version };
        profile.revise(details, None);
        assert_eq!(profile.version, Version::FIRST);
        let details = EmployerDetails { company_name: Text::parse("ACME").ok(), ..EmployerDetails::default() };
        profile.revise(details.clone(), None);
        assert_eq!((profile.details, profile.version), (details, Version(2)));
    }
}
