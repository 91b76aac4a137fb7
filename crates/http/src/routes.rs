use std::collections::BTreeMap;
use std::rc::Rc;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{FromRequest, Handler, HttpRequest, Resource, Responder, Route, Scope, guard};
use jobportal_application::Action;

use crate::accounts::{contact, deactivation, directory, passwords, registration, second_factors, sessions};
use crate::conditional::conditional;
use crate::error::ApiError;
use crate::extract::admit;
use crate::jobs::lifecycle;
use crate::metrics::{Metrics, RouteMetrics};
use crate::openapi::{Describe, Operation};
use crate::{
    App, applications, audit, candidates, changes, docs, documents, employers, health, jobs, limits, notifications,
    portal, search, subscriptions,
};

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;

/// Puts every route of the API into an actix-web application.
pub(crate) fn configure(app: Data<App>) -> impl FnOnce(&mut ServiceConfig) {
    move |config| {
        let metrics = &app.metrics;
        // Patterns are tried one after the other: of those below a name, only those of that name.
        let mut parts: BTreeMap<&str, Vec<Entry>> = BTreeMap::new();
        for entry in table() {
            parts.entry(entry.split().0).or_default().push(entry);
        }
        for (name, entries) in parts {
            let resources = entries.into_iter().map(|entry| {
                let served = Rc::new(entry.served(metrics));
                entry.resource().wrap(from_fn(move |request, next| serve(Rc::clone(&served), request, next)))
            });
            if name.is_empty() {
                resources.for_each(|resource| _ = config.service(resource));
            } else {
                config.service(resources.fold(web::scope(name), Scope::service));
            }
        }
        config.default_service(web::to(no_route));
        config.app_data(app);
    }
}

/// Lets in who may do what the method stands for, and gives every answer its end.
async fn serve(
    served: Rc<Served>,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse, actix_web::Error> {
    let method = if request.method() == Method::HEAD { &GET } else { request.method() };
    let verb = served.verbs.iter().find(|verb| verb.method == method);
    let action = verb.map(|verb| verb.action);
    let timed = verb.map_or(&served.others, |verb| &verb.metrics).begin();
    let admitted = match action {
        Some(action) => admit(request.request(), action).await,
        // There is nothing to be done; the answer says which methods there are.
        None => Ok(()),
    };
    let response = match admitted {
        Ok(()) => next.call(request).await?,
        Err(error) => request.error_response(error),
    };
    audit::record(action, &response);
    let response = limits::told(conditional(response));
    timed.answered(response.status());
    Ok(response)
}

/// What a path serves, as far as each request has to know it.
struct Served {
    verbs: Vec<ServedVerb>,
    /// Counts requests by methods that it does not take.
    others: RouteMetrics,
}

struct ServedVerb {
    method: Method,
    action: Action,
    metrics: RouteMetrics,
}

/// Every path with its methods, each with what it does, which says who is let in, its handler and its description. Where two patterns fit a path the first one counts, so
/// fixed names come before ids.
#[expect(clippy::too_many_lines, reason = "it is a table")]
pub(crate) fn table() -> Vec<Entry> {
    vec![
        at("/openapi.json", [on(GET, Action::ReadPortal, portal::openapi, portal::openapi_doc)]),
        at("/", [on(GET, Action::ReadPortal, portal::root, portal::root_doc)]),
        at("/docs", [on(GET, Action::ReadPortal, docs::page, docs::page_doc)]),
        at("/docs/{name}", [on(GET, Action::ReadPortal, docs::file, docs::file_doc)]),
        at("/.well-known/jwks.json", [on(GET, Action::ReadPortal, portal::keys, portal::keys_doc)]),
        at("/health", [on(GET, Action::ReadPortal, health::health, health::health_doc)]),
        at("/livez", [on(GET, Action::ReadPortal, health::live, health::live_doc)]),
        at("/readyz", [on(GET, Action::ReadPortal, health::ready, health::ready_doc)]),
        at("/account/register", [on(POST, Action::Register, registration::register, registration::register_doc)]),
        at("/account/verify_otp", [on(POST, Action::VerifyEmail, registration::verify, registration::verify_doc)]),
        at(
            "/account/resend_otp",
            [on(POST, Action::RequestCode, registration::resend_code, registration::resend_code_doc)],
        ),
        at("/account/login", [on(POST, Action::SignIn, sessions::login, sessions::login_doc)]),
        at(
            "/login",
            [on(POST, Action::SignIn, sessions::login, sessions::login_doc).deprecated("accounts_login_short")],
        ),
        at("/account/token/refresh", [on(POST, Action::RefreshTokens, sessions::refresh, sessions::refresh_doc)]),
        at("/account/logout", [on(POST, Action::SignOut, sessions::logout, sessions::logout_doc)]),
        at(
            "/account/sessions",
            [
                on(GET, Action::ManageSessions, sessions::list, sessions::list_doc),
                on(DELETE, Action::ManageSessions, sessions::end_others, sessions::end_others_doc),
            ],
        ),
        at("/account/sessions/{id}", [on(DELETE, Action::ManageSessions, sessions::end, sessions::end_doc)]),
        at(
            "/account/deactivate",
            [on(POST, Action::DeactivateAccount, deactivation::deactivate, deactivation::deactivate_doc)],
        ),
        at(
            "/account/password-reset",
            [on(POST, Action::ResetPassword, passwords::request_password_reset, passwords::request_password_reset_doc)],
        ),
        at(
            "/account/password-reset/confirm",
            [on(POST, Action::ResetPassword, passwords::reset_password, passwords::reset_password_doc)],
        ),
        at("/account/user_info", [on(GET, Action::ListAccounts, directory::list, directory::list_doc)]),
        at("/account/login-user-info", [on(GET, Action::ReadOwnAccount, directory::own, directory::own_doc)]),
        at(
            "/account/update-password",
            [on(PATCH, Action::ChangePassword, passwords::change_password, passwords::change_password_doc)],
        ),
        at(
            "/account/change-password",
            [on(PATCH, Action::ChangePassword, passwords::change_password, passwords::change_password_doc)
                .deprecated("accounts_change_password_old")],
        ),
        at(
            "/account/change-email",
            [on(POST, Action::ChangeContact, contact::request_email_change, contact::request_email_change_doc)],
        ),
        at(
            "/account/change-email/confirm",
            [on(POST, Action::ChangeContact, contact::confirm_email_change, contact::confirm_email_change_doc)],
        ),
        at(
            "/account/change-phone",
            [on(
                POST,
                Action::ChangeContact,
                contact::request_phone_number_change,
                contact::request_phone_number_change_doc,
            )],
        ),
        at(
            "/account/change-phone/confirm",
            [on(
                POST,
                Action::ChangeContact,
                contact::confirm_phone_number_change,
                contact::confirm_phone_number_change_doc,
            )],
        ),
        at(
            "/account/second-factor",
            [
                on(GET, Action::EnrolSecondFactor, second_factors::state, second_factors::state_doc),
                on(POST, Action::EnrolSecondFactor, second_factors::enrol, second_factors::enrol_doc),
                on(DELETE, Action::ManageSecondFactor, second_factors::remove, second_factors::remove_doc),
            ],
        ),
        at(
            "/account/second-factor/code",
            [on(POST, Action::EnrolSecondFactor, second_factors::request_code, second_factors::request_code_doc)],
        ),
        at(
            "/account/second-factor/confirm",
            [on(POST, Action::EnrolSecondFactor, second_factors::confirm, second_factors::confirm_doc)],
        ),
        at(
            "/account/second-factor/recovery-codes",
            [on(
                POST,
                Action::ManageSecondFactor,
                second_factors::renew_recovery_codes,
                second_factors::renew_recovery_codes_doc,
            )],
        ),
        at(
            "/candidate/profile",
            [
                on(GET, Action::ReadOwnCandidate, candidates::own, candidates::own_doc),
                on(POST, Action::ReviseCandidate, candidates::revise_professional, candidates::revise_professional_doc),
                on(PUT, Action::ReviseCandidate, candidates::revise_personal, candidates::revise_personal_doc)
                    .named("candidates_replace_personal"),
                on(PATCH, Action::ReviseCandidate, candidates::revise_personal, candidates::revise_personal_doc),
            ],
        ),
        at("/candidate/profile/{id}", [on(GET, Action::ReadCandidates, candidates::find, candidates::find_doc)]),
        at("/candidate/profiles", [on(GET, Action::ReadCandidates, candidates::list, candidates::list_doc)]),
        at(
            "/candidate/application/list",
            [on(GET, Action::ListOwnApplications, applications::own, applications::own_doc)],
        ),
        at(
            "/employer/profile",
            [
                on(GET, Action::ReadOwnEmployer, employers::own, employers::own_doc),
                on(PUT, Action::ReviseEmployer, employers::revise, employers::revise_doc).named("employers_replace"),
                on(PATCH, Action::ReviseEmployer, employers::revise, employers::revise_doc),
            ],
        ),
        at("/employer/profile/{id}", [on(GET, Action::ReadEmployers, employers::find, employers::find_doc)]),
        at("/employer/profiles", [on(GET, Action::ReadEmployers, employers::list, employers::list_doc)]),
        at("/job", [on(GET, Action::ListOwnJobs, jobs::own, jobs::own_doc)]),
        at(
            "/job/manage",
            [
                on(GET, Action::ListOwnJobs, jobs::own, jobs::own_doc).deprecated("jobs_list_own_old"),
                on(POST, Action::PostJob, jobs::post, jobs::post_doc),
            ],
        ),
        at("/job/changes", [on(GET, Action::FollowJobs, changes::jobs, changes::jobs_doc)]),
        at("/job/search", [on(GET, Action::SearchJobs, search::search, search::search_doc)]),
        at("/job/suggest", [on(GET, Action::SearchJobs, search::suggest, search::suggest_doc)]),
        at(
            "/job/manage/{id}",
            [
                on(GET, Action::ReadJob, jobs::details, jobs::details_doc).deprecated("jobs_details_old"),
                on(PUT, Action::ReviseJob, jobs::put, jobs::put_doc),
                on(PATCH, Action::ReviseJob, jobs::patch, jobs::patch_doc),
                on(DELETE, Action::TakeJobDown, jobs::delete, jobs::delete_doc).deprecated("jobs_delete_old"),
            ],
        ),
        at("/job/manage/{id}/actions", [on(GET, Action::LeadJob, lifecycle::actions, lifecycle::actions_doc)]),
        at("/job/manage/{id}/publish", [on(POST, Action::LeadJob, lifecycle::publish, lifecycle::publish_doc)]),
        at("/job/manage/{id}/pause", [on(POST, Action::LeadJob, lifecycle::pause, lifecycle::pause_doc)]),
        at("/job/manage/{id}/close", [on(POST, Action::LeadJob, lifecycle::close, lifecycle::close_doc)]),
        at("/job/manage/{id}/extend", [on(POST, Action::LeadJob, lifecycle::extend, lifecycle::extend_doc)]),
        at("/job/manage/{id}/relist", [on(POST, Action::LeadJob, lifecycle::relist, lifecycle::relist_doc)]),
        at("/job/manage/{id}/copy", [on(POST, Action::LeadJob, lifecycle::copy, lifecycle::copy_doc)]),
        at(
            "/jobs/manage/{id}",
            [
                on(PUT, Action::ReviseJob, jobs::put, jobs::put_doc).deprecated("jobs_replace_old"),
                on(PATCH, Action::ReviseJob, jobs::patch, jobs::patch_doc).deprecated("jobs_revise_old"),
            ],
        ),
        at(
            "/job/{id}",
            [
                on(GET, Action::ReadJob, jobs::details, jobs::details_doc),
                on(PUT, Action::TakeJobDown, jobs::delete, jobs::delete_doc).named("jobs_take_down"),
                on(DELETE, Action::TakeJobDown, jobs::delete, jobs::delete_doc),
            ],
        ),
        at("/job/{id}/similar", [on(GET, Action::ReadJob, search::similar, search::similar_doc)]),
        at(
            "/application/all/{id}",
            [on(GET, Action::ReadApplications, applications::of_job, applications::of_job_doc)],
        ),
        at(
            "/application/status/{id}",
            [
                on(GET, Action::ReadApplications, applications::details, applications::details_doc),
                on(PATCH, Action::MoveApplication, applications::move_to, applications::move_to_doc),
            ],
        ),
        at(
            "/application/changes",
            [on(GET, Action::ReadApplications, changes::applications, changes::applications_doc)],
        ),
        at("/application/{id}", [on(POST, Action::Apply, applications::submit, applications::submit_doc)]),
        at(
            "/subscription/plan",
            [
                on(GET, Action::ReadPlans, subscriptions::plans, subscriptions::plans_doc),
                on(POST, Action::ManagePlans, subscriptions::add_plan, subscriptions::add_plan_doc),
            ],
        ),
        at(
            "/subscription/plan/{id}",
            [
                on(GET, Action::ReadPlans, subscriptions::plan, subscriptions::plan_doc),
                on(PUT, Action::ManagePlans, subscriptions::revise_plan, subscriptions::revise_plan_doc),
                on(DELETE, Action::ManagePlans, subscriptions::delete_plan, subscriptions::delete_plan_doc),
            ],
        ),
        at("/subscription/usage", [on(GET, Action::ReadUsage, subscriptions::usage, subscriptions::usage_doc)]),
        at(
            "/subscription/add/plan",
            [on(POST, Action::Subscribe, subscriptions::subscribe, subscriptions::subscribe_doc)],
        ),
        at("/outbox", [on(GET, Action::ReadOutbox, notifications::list, notifications::list_doc)]),
        at("/outbox/backlog", [on(GET, Action::ReadOutbox, notifications::backlog, notifications::backlog_doc)]),
        at("/outbox/purge", [on(POST, Action::ManageOutbox, notifications::purge, notifications::purge_doc)]),
        at("/outbox/{id}", [on(GET, Action::ReadOutbox, notifications::details, notifications::details_doc)]),
        at("/outbox/{id}/retry", [on(POST, Action::ManageOutbox, notifications::retry, notifications::retry_doc)]),
        at("/documents/resumes/{name}", [on(GET, Action::OpenResume, documents::resume, documents::resume_doc)]),
        at(
            "/documents/profile_pictures/{name}",
            [on(GET, Action::OpenPicture, documents::picture, documents::picture_doc)],
        ),
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
    /// What it does.
    pub(crate) action: Action,
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

    /// What each method does, and what counts it.
    fn served(&self, metrics: &Metrics) -> Served {
        let verbs = self.verbs.iter().map(|verb| ServedVerb {
            method: verb.method.clone(),
            action: verb.action,
            metrics: metrics.route(Some(verb.method.as_str()), self.path),
        });
        Served { verbs: verbs.collect(), others: metrics.route(None, self.path) }
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
        let mut operation = (self.describe)();
        operation.is_for(self.action);
        operation
    }
}

fn at<const N: usize>(path: &'static str, verbs: [Verb; N]) -> Entry {
    Entry { path, verbs: verbs.into() }
}

fn on<F: Handler<Args>, Args: FromRequest + Describe + 'static>(
    method: Method,
    action: Action,
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
    Verb { method, action, alias: None, is_deprecated: false, route: route.to(handler), describe: Box::new(describe) }
}

async fn no_route(app: Data<App>) -> Result<String, ApiError> {
    app.metrics.unmatched.begin().answered(StatusCode::NOT_FOUND);
    Err(ApiError::NoRoute)
}
