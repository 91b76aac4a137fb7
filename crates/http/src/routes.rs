use std::collections::BTreeMap;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{FromRequest, Handler, HttpRequest, Resource, Responder, Route, Scope, guard};

use crate::accounts::{contact, directory, passwords, registration, sessions};
use crate::conditional::conditional;
use crate::error::ApiError;
use crate::jobs::lifecycle;
use crate::openapi::{Describe, Operation};
use crate::{
    App, applications, candidates, changes, docs, documents, employers, jobs, limits, portal, search, subscriptions,
};

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;

/// Puts every route of the API into an actix-web application.
pub fn configure(app: Data<App>) -> impl FnOnce(&mut ServiceConfig) {
    move |config| {
        config.app_data(app);
        // Patterns are tried one after the other: of those below a name, only those of that name.
        let mut parts: BTreeMap<&str, Vec<Entry>> = BTreeMap::new();
        for entry in table() {
            parts.entry(entry.split().0).or_default().push(entry);
        }
        for (name, entries) in parts {
            let resources = entries.into_iter().map(|entry| entry.resource().wrap(from_fn(finish)));
            if name.is_empty() {
                resources.for_each(|resource| _ = config.service(resource));
            } else {
                config.service(resources.fold(web::scope(name), Scope::service));
            }
        }
        config.default_service(web::to(no_route));
    }
}

/// What every answer gets at the end.
async fn finish(request: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse, actix_web::Error> {
    let response = next.call(request).await?;
    Ok(limits::told(conditional(response)))
}

/// Every path with its methods, each with its handler and its description. Where two patterns fit a path the first one counts, so
/// fixed names come before ids.
#[expect(clippy::too_many_lines, reason = "it is a table")]
pub(crate) fn table() -> Vec<Entry> {
    vec![
        at("/openapi.json", [on(GET, portal::openapi, portal::openapi_doc)]),
        at("/", [on(GET, portal::root, portal::root_doc)]),
        at("/docs", [on(GET, docs::page, docs::page_doc)]),
        at("/docs/{name}", [on(GET, docs::file, docs::file_doc)]),
        at("/health", [on(GET, portal::health, portal::health_doc)]),
        at("/account/register", [on(POST, registration::register, registration::register_doc)]),
        at("/account/verify_otp", [on(POST, registration::verify, registration::verify_doc)]),
        at("/account/resend_otp", [on(POST, registration::resend_code, registration::resend_code_doc)]),
        at("/account/login", [on(POST, sessions::login, sessions::login_doc)]),
        at("/login", [on(POST, sessions::login, sessions::login_doc).deprecated("accounts_login_short")]),
        at("/account/token/refresh", [on(POST, sessions::refresh, sessions::refresh_doc)]),
        at("/account/logout", [on(POST, sessions::logout, sessions::logout_doc)]),
        at(
            "/account/sessions",
            [on(GET, sessions::list, sessions::list_doc), on(DELETE, sessions::end_others, sessions::end_others_doc)],
        ),
        at("/account/sessions/{id}", [on(DELETE, sessions::end, sessions::end_doc)]),
        at(
            "/account/password-reset",
            [on(POST, passwords::request_password_reset, passwords::request_password_reset_doc)],
        ),
        at("/account/password-reset/confirm", [on(POST, passwords::reset_password, passwords::reset_password_doc)]),
        at("/account/user_info", [on(GET, directory::list, directory::list_doc)]),
        at("/account/login-user-info", [on(GET, directory::own, directory::own_doc)]),
        at("/account/update-password", [on(PATCH, passwords::change_password, passwords::change_password_doc)]),
        at(
            "/account/change-password",
            [on(PATCH, passwords::change_password, passwords::change_password_doc)
                .deprecated("accounts_change_password_old")],
        ),
        at("/account/change-email", [on(POST, contact::request_email_change, contact::request_email_change_doc)]),
        at(
            "/account/change-email/confirm",
            [on(POST, contact::confirm_email_change, contact::confirm_email_change_doc)],
        ),
        at(
            "/account/change-phone",
            [on(POST, contact::request_phone_number_change, contact::request_phone_number_change_doc)],
        ),
        at(
            "/account/change-phone/confirm",
            [on(POST, contact::confirm_phone_number_change, contact::confirm_phone_number_change_doc)],
        ),
        at(
            "/candidate/profile",
            [
                on(GET, candidates::own, candidates::own_doc),
                on(POST, candidates::revise_professional, candidates::revise_professional_doc),
                on(PUT, candidates::revise_personal, candidates::revise_personal_doc)
                    .named("candidates_replace_personal"),
                on(PATCH, candidates::revise_personal, candidates::revise_personal_doc),
            ],
        ),
        at("/candidate/profile/{id}", [on(GET, candidates::find, candidates::find_doc)]),
        at("/candidate/profiles", [on(GET, candidates::list, candidates::list_doc)]),
        at("/candidate/application/list", [on(GET, applications::own, applications::own_doc)]),
        at(
            "/employer/profile",
            [
                on(GET, employers::own, employers::own_doc),
                on(PUT, employers::revise, employers::revise_doc).named("employers_replace"),
                on(PATCH, employers::revise, employers::revise_doc),
            ],
        ),
        at("/employer/profile/{id}", [on(GET, employers::find, employers::find_doc)]),
        at("/employer/profiles", [on(GET, employers::list, employers::list_doc)]),
        at("/job", [on(GET, jobs::own, jobs::own_doc)]),
        at(
            "/job/manage",
            [on(GET, jobs::own, jobs::own_doc).deprecated("jobs_list_own_old"), on(POST, jobs::post, jobs::post_doc)],
        ),
        at("/job/changes", [on(GET, changes::jobs, changes::jobs_doc)]),
        at("/job/search", [on(GET, search::search, search::search_doc)]),
        at("/job/suggest", [on(GET, search::suggest, search::suggest_doc)]),
        at(
            "/job/manage/{id}",
            [
                on(GET, jobs::details, jobs::details_doc).deprecated("jobs_details_old"),
                on(PUT, jobs::put, jobs::put_doc),
                on(PATCH, jobs::patch, jobs::patch_doc),
                on(DELETE, jobs::delete, jobs::delete_doc).deprecated("jobs_delete_old"),
            ],
        ),
        at("/job/manage/{id}/actions", [on(GET, lifecycle::actions, lifecycle::actions_doc)]),
        at("/job/manage/{id}/publish", [on(POST, lifecycle::publish, lifecycle::publish_doc)]),
        at("/job/manage/{id}/pause", [on(POST, lifecycle::pause, lifecycle::pause_doc)]),
        at("/job/manage/{id}/close", [on(POST, lifecycle::close, lifecycle::close_doc)]),
        at("/job/manage/{id}/extend", [on(POST, lifecycle::extend, lifecycle::extend_doc)]),
        at("/job/manage/{id}/relist", [on(POST, lifecycle::relist, lifecycle::relist_doc)]),
        at("/job/manage/{id}/copy", [on(POST, lifecycle::copy, lifecycle::copy_doc)]),
        at(
            "/jobs/manage/{id}",
            [
                on(PUT, jobs::put, jobs::put_doc).deprecated("jobs_replace_old"),
                on(PATCH, jobs::patch, jobs::patch_doc).deprecated("jobs_revise_old"),
            ],
        ),
        at(
            "/job/{id}",
            [
                on(GET, jobs::details, jobs::details_doc),
                on(PUT, jobs::delete, jobs::delete_doc).named("jobs_take_down"),
                on(DELETE, jobs::delete, jobs::delete_doc),
            ],
        ),
        at("/job/{id}/similar", [on(GET, search::similar, search::similar_doc)]),
        at("/application/all/{id}", [on(GET, applications::of_job, applications::of_job_doc)]),
        at(
            "/application/status/{id}",
            [
                on(GET, applications::details, applications::details_doc),
                on(PATCH, applications::move_to, applications::move_to_doc),
            ],
        ),
        at("/application/changes", [on(GET, changes::applications, changes::applications_doc)]),
        at("/application/{id}", [on(POST, applications::submit, applications::submit_doc)]),
        at(
            "/subscription/plan",
            [
                on(GET, subscriptions::plans, subscriptions::plans_doc),
                on(POST, subscriptions::add_plan, subscriptions::add_plan_doc),
            ],
        ),
        at(
            "/subscription/plan/{id}",
            [
                on(GET, subscriptions::plan, subscriptions::plan_doc),
                on(PUT, subscriptions::revise_plan, subscriptions::revise_plan_doc),
                on(DELETE, subscriptions::delete_plan, subscriptions::delete_plan_doc),
            ],
        ),
        at("/subscription/usage", [on(GET, subscriptions::usage, subscriptions::usage_doc)]),
        at("/subscription/add/plan", [on(POST, subscriptions::subscribe, subscriptions::subscribe_doc)]),
        at("/documents/resumes/{name}", [on(GET, documents::resume, documents::resume_doc)]),
        at("/documents/profile_pictures/{name}", [on(GET, documents::picture, documents::picture_doc)]),
    ]
}

/// A path of the API.
pub(crate) struct Entry {
    /// The path, without its trailing slash.
    pub(crate) path: &'static str,
    /// What may be done there.
    pub(crate) verbs: Vec<Verb>,
}

/// A handler with the method it answers to, and how both are described.
pub(crate) struct Verb {
    /// The method.
    pub(crate) method: Method,
    /// The id of the operation, where another path or method has the operation's own.
    pub(crate) alias: Option<&'static str>,
    /// There for old clients.
    pub(crate) is_deprecated: bool,
    route: Route,
    describe: Box<dyn Fn() -> Operation>,
}

impl Entry {
    /// The first name of the path, with its slash, and what follows.
    fn split(&self) -> (&'static str, &'static str) {
        let path = self.path.trim_end_matches('/');
        let end = path.match_indices('/').nth(1).map_or(path.len(), |(second, _)| second);
        path.split_at(end)
    }

    /// Serves what follows the first name, with and without its trailing slash; other methods than these are told which ones there are.
    fn resource(self) -> Resource {
        let mut methods: Vec<&str> = self.verbs.iter().map(|verb| verb.method.as_str()).collect();
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        let allow = methods.join(", ");
        let (_, path) = self.split();
        let mut resource = web::resource([path.to_owned(), format!("{path}/")]);
        for verb in self.verbs {
            resource = resource.route(verb.route);
        }
        resource.default_service(web::to(move |request: HttpRequest| {
            let error = ApiError::MethodNotAllowed { method: request.method().to_string(), allow: allow.clone() };
            std::future::ready(Err::<String, _>(error))
        }))
    }
}

impl Verb {
    /// The same operation by another method or at another path.
    fn named(self, alias: &'static str) -> Self {
        Self { alias: Some(alias), ..self }
    }

    /// The same operation at a path that is there for old clients.
    fn deprecated(self, alias: &'static str) -> Self {
        Self { is_deprecated: true, ..self.named(alias) }
    }

    /// Describes it.
    pub(crate) fn operation(&self) -> Operation {
        (self.describe)()
    }
}

fn at<const N: usize>(path: &'static str, verbs: [Verb; N]) -> Entry {
    Entry { path, verbs: verbs.into() }
}

fn on<F: Handler<Args>, Args: FromRequest + Describe + 'static>(
    method: Method,
    handler: F,
    description: fn() -> Operation,
) -> Verb
where
    F::Output: Responder + 'static,
{
    let route = if method == GET {
        // What a GET answers, a HEAD answers without its body.
        web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
    } else {
        web::method(method.clone())
    };
    let describe = move || {
        let mut operation = description();
        Args::describe(&mut operation);
        operation
    };
    Verb { method, alias: None, is_deprecated: false, route: route.to(handler), describe: Box::new(describe) }
}

async fn no_route() -> Result<String, ApiError> {
    Err(ApiError::NoRoute)
}
