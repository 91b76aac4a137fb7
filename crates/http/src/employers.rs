use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use jobportal_application::{ReviseEmployer, Subject};
use jobportal_domain::{DocumentKind, EmployerDetails, EmployerId, EmployerProfile, Text, Violations, WebAddress};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::App;
use crate::body::{Body, Request};
use crate::conditional::{IfMatch, versioned};
use crate::documents::{run_with_upload, upload};
use crate::error::ApiError;
use crate::extract::{Caller, PathId};
use crate::input::Input;
use crate::openapi::Operation;
use crate::page::{Paging, array};
use crate::responses::Reply;
use crate::wire::{DocumentPath, IdInput};

type Answer = Result<HttpResponse, ApiError>;

const TAG: &str = "Employers";

/// An employer's profile, as the API writes it.
#[derive(Serialize, ToSchema)]
#[schema(as = Employer)]
pub(crate) struct EmployerBody {
    /// The id of the profile.
    #[schema(example = 3)]
    id: i64,
    #[schema(example = "Erin")]
    first_name: Option<String>,
    #[schema(example = "Miller")]
    last_name: Option<String>,
    #[schema(example = "12 Lake Road, Dhaka")]
    address: Option<String>,
    #[schema(example = "https://techsolutions.example")]
    website: Option<String>,
    #[schema(example = "Tech Solutions Ltd.")]
    company_name: Option<String>,
    profile_picture: Option<DocumentPath>,
    /// The id of the account.
    #[schema(example = 5)]
    user: i64,
}

impl From<EmployerProfile> for EmployerBody {
    fn from(profile: EmployerProfile) -> Self {
        let EmployerDetails { first_name, last_name, address, website, company_name } = profile.details;
        Self {
            id: profile.id.0,
            first_name: first_name.map(Text::into_string),
            last_name: last_name.map(Text::into_string),
            address: address.map(Text::into_string),
            website: website.map(|website| website.to_string()),
            company_name: company_name.map(Text::into_string),
            profile_picture: profile.picture.as_ref().map(DocumentPath::from),
            user: profile.user_id.0,
        }
    }
}

fn answer(profile: EmployerProfile) -> HttpResponse {
    let version = profile.version;
    versioned(HttpResponse::Ok().json(EmployerBody::from(profile)), version)
}

/// `GET /employer/profile/`
pub(crate) async fn own(app: Data<App>, Caller(actor): Caller) -> Answer {
    let profile = app.run(move |app| app.employers.own(&actor)).await?;
    Ok(answer(profile))
}

pub(crate) fn own_doc() -> Operation {
    Operation::new(TAG, "employers_own", "Read the own profile")
        .ok::<EmployerBody>("The profile.")
        .refuses(StatusCode::NOT_FOUND)
}

/// `GET /employer/profile/{id}/`
pub(crate) async fn find(app: Data<App>, PathId(id): PathId) -> Answer {
    let render = |profile: EmployerProfile| {
        let shows = [Subject::Employer(profile.id)];
        Ok(Reply::to_all(answer(profile), shows))
    };
    app.answer_all(&format!("/employer/profile/{id}"), move |app| app.employers.find(EmployerId(id)), render).await
}

pub(crate) fn find_doc() -> Operation {
    Operation::new(TAG, "employers_find", "Read the profile of an employer").ok::<EmployerBody>("The profile.")
}

/// `GET /employer/profiles/`
pub(crate) async fn list(app: Data<App>, request: HttpRequest, Paging(page): Paging<100>) -> Answer {
    let page = app.run(move |app| app.employers.list(page)).await?;
    Ok(array(&request, page, EmployerBody::from))
}

pub(crate) fn list_doc() -> Operation {
    Operation::new(TAG, "employers_list", "List employers").ok_list::<EmployerBody>("A page of profiles.")
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = ReviseEmployer)]
pub(crate) struct EmployerRequest {
    /// The id of the caller's account, if given.
    #[schema(value_type = Option<IdInput>)]
    user: Input<i64>,
    #[schema(value_type = Option<String>, max_length = 150, example = "Erin")]
    first_name: Input<String>,
    #[schema(value_type = Option<String>, max_length = 150, example = "Miller")]
    last_name: Input<String>,
    #[schema(value_type = Option<String>, max_length = 500, example = "12 Lake Road, Dhaka")]
    address: Input<String>,
    #[schema(value_type = Option<String>, format = "uri", max_length = 500, example = "https://techsolutions.example")]
    website: Input<String>,
    #[schema(value_type = Option<String>, max_length = 200, example = "Tech Solutions Ltd.")]
    company_name: Input<String>,
}

impl Request for EmployerRequest {
    const FILE: Option<&'static str> = Some("profile_picture");
}

/// `PUT` and `PATCH /employer/profile/`
pub(crate) async fn revise(
    app: Data<App>,
    Caller(actor): Caller,
    IfMatch(precondition): IfMatch,
    body: Body<EmployerRequest>,
) -> Answer {
    let mut violations = Violations::default();
    let EmployerRequest { user, first_name, last_name, address, website, company_name } = body.value;
    let user = user.optional("user", &mut violations);
    let first_name = first_name.change_text("first_name", &mut violations);
    let last_name = last_name.change_text("last_name", &mut violations);
    let address = address.change_text("address", &mut violations);
    let website = website.change("website", &mut violations, WebAddress::parse);
    let company_name = company_name.change_text("company_name", &mut violations);
    let picture = upload(&app, "profile_picture", DocumentKind::ProfilePicture, body.file, &mut violations)?;
    violations.into_result()?;
    let revise = move |present: EmployerDetails| EmployerDetails {
        first_name: first_name.apply(present.first_name),
        last_name: last_name.apply(present.last_name),
        address: address.apply(present.address),
        website: website.apply(present.website),
        company_name: company_name.apply(present.company_name),
    };
    let profile = run_with_upload(&app, picture, move |app, picture| {
        app.employers.revise(&actor, &ReviseEmployer { user, revise, picture, precondition })
    })
    .await?;
    Ok(answer(profile))
}

pub(crate) fn revise_doc() -> Operation {
    Operation::new(TAG, "employers_revise", "Change the own profile")
        .about("What is left out stays; `null` or an empty text takes a value away. A picture is JPEG, PNG or WebP of at most 2 MiB.")
        .ok::<EmployerBody>("The profile as it is now.")
        .refuses(StatusCode::NOT_FOUND)
}
