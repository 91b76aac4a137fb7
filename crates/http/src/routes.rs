use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{FromRequest, Handler, HttpRequest, Resource, Responder, Route, guard};

use crate::error::ApiError;
use crate::{App, accounts, applications, candidates, docs, documents, employers, jobs, limits, portal, subscriptions};

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;

/// Puts every route of the API into an actix-web application.
pub fn configure(app: Data<App>) -> impl FnOnce(&mut ServiceConfig) {
    move |config| {
        config.app_data(app);
        for resource in resources() {
            config.service(resource.wrap(from_fn(limits::headers)));
        }
        config.default_service(web::to(no_route));
    }
}

/// Every path with its methods. Where two patterns fit a path the first one counts, so fixed names come before ids.
fn resources() -> Vec<Resource> {
    vec![
        at("/", [on(GET, portal::root)]),
        at("/docs", [on(GET, docs::page)]),
        at("/docs/{name}", [on(GET, docs::file)]),
        at("/health", [on(GET, portal::health)]),
        at("/account/register", [on(POST, accounts::register)]),
        at("/account/verify_otp", [on(POST, accounts::verify)]),
        at("/account/resend_otp", [on(POST, accounts::resend_code)]),
        at("/account/login", [on(POST, accounts::login)]),
        at("/login", [on(POST, accounts::login)]),
        at("/account/token/refresh", [on(POST, accounts::refresh)]),
        at("/account/logout", [on(POST, accounts::logout)]),
        at("/account/password-reset", [on(POST, accounts::request_password_reset)]),
        at("/account/password-reset/confirm", [on(POST, accounts::reset_password)]),
        at("/account/user_info", [on(GET, accounts::list)]),
        at("/account/login-user-info", [on(GET, accounts::own)]),
        at("/account/update-password", [on(PATCH, accounts::change_password)]),
        at("/account/change-password", [on(PATCH, accounts::change_password)]),
        at(
            "/candidate/profile",
            [
                on(GET, candidates::own),
                on(POST, candidates::revise_professional),
                on(PUT, candidates::revise_personal),
                on(PATCH, candidates::revise_personal),
            ],
        ),
        at("/candidate/profile/{id}", [on(GET, candidates::find)]),
        at("/candidate/profiles", [on(GET, candidates::list)]),
        at("/candidate/application/list", [on(GET, applications::own)]),
        at("/employer/profile", [on(GET, employers::own), on(PUT, employers::revise), on(PATCH, employers::revise)]),
        at("/employer/profile/{id}", [on(GET, employers::find)]),
        at("/employer/profiles", [on(GET, employers::list)]),
        at("/job", [on(GET, jobs::own)]),
        at("/job/manage", [on(GET, jobs::own), on(POST, jobs::post)]),
        at("/job/search", [on(GET, jobs::search)]),
        at(
            "/job/manage/{id}",
            [on(GET, jobs::details), on(PUT, jobs::put), on(PATCH, jobs::patch), on(DELETE, jobs::delete)],
        ),
        at("/jobs/manage/{id}", [on(PUT, jobs::put), on(PATCH, jobs::patch)]),
        at("/job/{id}", [on(GET, jobs::details), on(PUT, jobs::delete), on(DELETE, jobs::delete)]),
        at("/application/all/{id}", [on(GET, applications::of_job)]),
        at("/application/status/{id}", [on(GET, applications::details), on(PATCH, applications::move_to)]),
        at("/application/{id}", [on(POST, applications::submit)]),
        at("/subscription/plan", [on(GET, subscriptions::plans), on(POST, subscriptions::add_plan)]),
        at("/subscription/plan/{id}", [on(PUT, subscriptions::revise_plan), on(DELETE, subscriptions::delete_plan)]),
        at("/subscription/add/plan", [on(POST, subscriptions::subscribe)]),
        at("/subscription/usage", [on(GET, subscriptions::usage)]),
        at("/documents/resumes/{name}", [on(GET, documents::resume)]),
        at("/documents/profile_pictures/{name}", [on(GET, documents::picture)]),
    ]
}

/// A handler with the method it answers to.
type Verb = (Method, Route);

/// Serves `path` with and without its trailing slash; other methods than these are told which ones there are.
fn at<const N: usize>(path: &str, verbs: [Verb; N]) -> Resource {
    let mut methods: Vec<&str> = verbs.iter().map(|(method, _)| method.as_str()).collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    let allow = methods.join(", ");
    let path = path.trim_end_matches('/');
    let mut resource = web::resource([path.to_owned(), format!("{path}/")]);
    for (_, route) in verbs {
        resource = resource.route(route);
    }
    resource.default_service(web::to(move |request: HttpRequest| {
        let error = ApiError::MethodNotAllowed { method: request.method().to_string(), allow: allow.clone() };
        std::future::ready(Err::<String, _>(error))
    }))
}

fn on<F: Handler<Args>, Args: FromRequest + 'static>(method: Method, handler: F) -> Verb
where
    F::Output: Responder + 'static,
{
    let route = if method == GET {
        // What a GET answers, a HEAD answers without its body.
        web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
    } else {
        web::method(method.clone())
    };
    (method, route.to(handler))
}

async fn no_route() -> Result<String, ApiError> {
    Err(ApiError::NoRoute)
}
