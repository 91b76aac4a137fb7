use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use jobportal_application::ReviseEmployer;
use jobportal_domain::{DocumentKind, EmployerDetails, EmployerId, EmployerProfile, Text, Violations, WebAddress};
use serde::{Deserialize, Serialize};

use crate::App;
use crate::body::{Body, Request};
use crate::documents::{run_with_upload, upload};
use crate::error::ApiError;
use crate::extract::{Employer, PathId};
use crate::input::Input;
use crate::page::{Paging, array};
use crate::wire::DocumentPath;

type Answer = Result<HttpResponse, ApiError>;

/// An employer's profile, as the API writes it.
#[derive(Serialize)]
pub(crate) struct EmployerBody {
    id: i64,
    first_name: Option<String>,
    last_name: Option<String>,
    address: Option<String>,
    website: Option<String>,
    company_name: Option<String>,
    profile_picture: Option<DocumentPath>,
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

/// `GET /employer/profile/`
pub(crate) async fn own(app: Data<App>, Employer(actor): Employer) -> Answer {
    let profile = app.run(move |app| app.employers.own(&actor)).await?;
    Ok(HttpResponse::Ok().json(EmployerBody::from(profile)))
}

/// `GET /employer/profile/{id}/`
pub(crate) async fn find(app: Data<App>, PathId(id): PathId) -> Answer {
    let profile = app.run(move |app| app.employers.find(EmployerId(id))).await?;
    Ok(HttpResponse::Ok().json(EmployerBody::from(profile)))
}

/// `GET /employer/profiles/`
pub(crate) async fn list(app: Data<App>, request: HttpRequest, Paging(page): Paging<100>) -> Answer {
    let page = app.run(move |app| app.employers.list(page)).await?;
    Ok(array(&request, page, EmployerBody::from))
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct EmployerRequest {
    user: Input<i64>,
    first_name: Input<String>,
    last_name: Input<String>,
    address: Input<String>,
    website: Input<String>,
    company_name: Input<String>,
}

impl Request for EmployerRequest {
    const FILE: Option<&'static str> = Some("profile_picture");
}

/// `PUT` and `PATCH /employer/profile/`
pub(crate) async fn revise(app: Data<App>, Employer(actor): Employer, body: Body<EmployerRequest>) -> Answer {
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
        app.employers.revise(&actor, &ReviseEmployer { user, revise, picture })
    })
    .await?;
    Ok(HttpResponse::Ok().json(EmployerBody::from(profile)))
}
