use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use jobportal_application::{AccountDetails, AccountSummary, Contact};
use jobportal_domain::UserType;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Answer, TAG};
use crate::App;
use crate::candidates::CandidateBody;
use crate::conditional::versioned;
use crate::employers::EmployerBody;
use crate::extract::Caller;
use crate::openapi::{Operation, one_of, schema_of};
use crate::page::{Neighbours, Paging, page_headers};
use crate::wire;

/// All kinds of account.
struct AnyUserType;

schema_of! {
    AnyUserType as "UserType" => one_of(UserType::ALL.iter().map(|kind| kind.as_str()));
}

/// How to reach a user, as the API writes it.
#[derive(Serialize, ToSchema)]
#[schema(as = Contact)]
pub(crate) struct ContactBody {
    /// The id of the account.
    #[schema(example = 7)]
    id: i64,
    /// `null` where the caller may not see it.
    #[schema(example = "carl@example.com")]
    email: Option<String>,
    /// `null` where the caller may not see it.
    #[schema(example = "01722222222")]
    contract_number: Option<String>,
    #[schema(value_type = AnyUserType)]
    user_type: &'static str,
}

impl From<Contact> for ContactBody {
    fn from(contact: Contact) -> Self {
        Self {
            id: contact.user_id.0,
            email: contact.email.map(|email| email.to_string()),
            contract_number: contact.phone_number.map(|number| number.to_string()),
            user_type: contact.user_type.as_str(),
        }
    }
}

#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = ProfileOfUser)]
enum DetailsBody {
    Candidate(Box<CandidateBody>),
    Employer(EmployerBody),
}

impl DetailsBody {
    fn of(details: AccountDetails) -> Option<Self> {
        match details {
            AccountDetails::Candidate(profile) => Some(Self::Candidate(Box::new(profile.into()))),
            AccountDetails::Employer(profile) => Some(Self::Employer(profile.into())),
            AccountDetails::None => None,
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = User)]
struct UserBody {
    #[serde(flatten)]
    contact: ContactBody,
    user_details: Option<DetailsBody>,
}

impl From<AccountSummary> for UserBody {
    fn from(summary: AccountSummary) -> Self {
        Self { contact: summary.contact.into(), user_details: DetailsBody::of(summary.details) }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Users)]
struct UsersBody {
    /// How many items all pages have.
    #[schema(example = 1)]
    count: u64,
    next: Option<String>,
    previous: Option<String>,
    results: Vec<UserBody>,
}

/// `GET /account/user_info/`
pub(crate) async fn list(
    app: Data<App>,
    request: HttpRequest,
    Caller(actor): Caller,
    Paging(page): Paging<10>,
) -> Answer {
    let page = app.run(move |app| app.accounts.list(&actor, page)).await?;
    let Neighbours { next, previous } = Neighbours::of(&request, &page);
    let count = page.total;
    let mut response = page_headers(&request, &page);
    let results = page.map(UserBody::from).items;
    Ok(response.json(UsersBody { count, next, previous, results }))
}

pub(crate) fn list_doc() -> Operation {
    Operation::new(TAG, "accounts_list", "List all users with their profiles")
        .about("A portal may show the address and the number to admins, the user, and employers they applied to alone; to others they are `null`.")
        .ok::<UsersBody>("A page of users.")
}

#[derive(Serialize, ToSchema)]
#[schema(as = OwnAccount)]
struct OwnBody {
    #[serde(flatten)]
    contact: ContactBody,
    /// There for candidates.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    candidate: Option<CandidateBody>,
    /// There for employers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    employer: Option<EmployerBody>,
}

pub(crate) fn own_doc() -> Operation {
    Operation::new(TAG, "accounts_own", "Read the own account with its profile").ok_data::<OwnBody>("The account.")
}

/// `GET /account/login-user-info/`
pub(crate) async fn own(app: Data<App>, Caller(actor): Caller) -> Answer {
    let summary = app.run(move |app| app.accounts.own(&actor)).await?;
    let (version, candidate, employer) = match summary.details {
        AccountDetails::Candidate(profile) => (Some(profile.version), Some(profile.into()), None),
        AccountDetails::Employer(profile) => (Some(profile.version), None, Some(profile.into())),
        AccountDetails::None => (None, None, None),
    };
    let data = OwnBody { contact: summary.contact.into(), candidate, employer };
    Ok(versioned(HttpResponse::Ok().json(wire::Data { data }), version))
}
