use crate::{EmployerId, StoredDocument, Text, UserId, WebAddress};

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
}
