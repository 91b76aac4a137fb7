use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use jobportal_application::PlanUsage;
use jobportal_domain::{Money, Period, Plan, PlanId, PlanName, PlanTerms, Subscription, Text, Violations};
use serde::{Deserialize, Serialize};

use crate::App;
use crate::body::{Body, Request};
use crate::error::ApiError;
use crate::extract::{Admin, Caller, PathId};
use crate::input::Input;
use crate::page::{Paging, array};
use crate::wire::Timestamp;

type Answer = Result<HttpResponse, ApiError>;

/// A plan, as the API writes it.
#[derive(Serialize)]
struct PlanBody {
    id: i64,
    name: &'static str,
    price: String,
    description: String,
    features: String,
    duration: String,
    max_job_applications_per_day: u32,
    priority_support: bool,
    career_coaching: bool,
    create_at: Timestamp,
    update_at: Timestamp,
}

impl From<Plan> for PlanBody {
    fn from(plan: Plan) -> Self {
        let terms = plan.terms;
        Self {
            id: plan.id.0,
            name: terms.name.as_str(),
            price: terms.price.to_string(),
            description: terms.description.into_string(),
            features: terms.features.into_string(),
            duration: terms.duration.to_string(),
            max_job_applications_per_day: terms.max_job_applications_per_day,
            priority_support: terms.priority_support,
            career_coaching: terms.career_coaching,
            create_at: Timestamp(plan.created_at),
            update_at: Timestamp(plan.updated_at),
        }
    }
}

/// A subscription, as the API writes it. `trial_start_date` is the end of the paid period; `null`: it never ends.
#[derive(Serialize)]
struct SubscriptionBody {
    id: i64,
    start_date: Timestamp,
    auto_renew: bool,
    has_expired: bool,
    is_active: bool,
    trial_start_date: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
    user: i64,
    plan: i64,
}

impl From<Subscription> for SubscriptionBody {
    fn from(subscription: Subscription) -> Self {
        Self {
            id: subscription.id.0,
            start_date: Timestamp(subscription.started_at),
            auto_renew: subscription.auto_renew,
            has_expired: subscription.has_expired,
            is_active: subscription.is_active,
            trial_start_date: subscription.period_ends_at.map(Timestamp),
            created_at: Timestamp(subscription.created_at),
            updated_at: Timestamp(subscription.updated_at),
            user: subscription.user_id.0,
            plan: subscription.plan_id.0,
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct PlanRequest {
    name: Input<String>,
    price: Input<String>,
    description: Input<String>,
    features: Input<String>,
    duration: Input<String>,
    max_job_applications_per_day: Input<i64>,
    priority_support: Input<bool>,
    career_coaching: Input<bool>,
}

impl Request for PlanRequest {}

/// The most applications a day that a plan may allow.
const MAX_PER_DAY: i64 = 100_000;

impl PlanRequest {
    fn terms(self) -> Result<PlanTerms, Violations> {
        let mut violations = Violations::default();
        let name = self.name.required_as("name", &mut violations, |raw| PlanName::parse(&raw));
        let price = self.price.required_as("price", &mut violations, |raw| Money::parse(&raw));
        let description = self.description.required_as("description", &mut violations, |raw| Text::parse(&raw));
        let features = self.features.required_as("features", &mut violations, |raw| Text::parse(&raw));
        let duration = self.duration.required_as("duration", &mut violations, |raw| Period::parse(&raw));
        let per_day =
            self.max_job_applications_per_day.required_as("max_job_applications_per_day", &mut violations, |number| {
                match number {
                    ..0 => Err("Ensure this value is greater than or equal to 0.".to_owned()),
                    0..=MAX_PER_DAY => u32::try_from(number).map_err(|error| error.to_string()),
                    _ => Err(format!("Ensure this value is less than or equal to {MAX_PER_DAY}.")),
                }
            });
        let priority_support = self.priority_support.optional("priority_support", &mut violations).unwrap_or(false);
        let career_coaching = self.career_coaching.optional("career_coaching", &mut violations).unwrap_or(false);
        match (name, price, description, features, duration, per_day) {
            (
                Some(name),
                Some(price),
                Some(description),
                Some(features),
                Some(duration),
                Some(max_job_applications_per_day),
            ) if violations.is_empty() => Ok(PlanTerms {
                name,
                price,
                description,
                features,
                duration,
                max_job_applications_per_day,
                priority_support,
                career_coaching,
            }),
            _ => Err(violations),
        }
    }
}

/// `GET /subscription/plan/`
pub(crate) async fn plans(app: Data<App>, request: HttpRequest, _: Caller, Paging(page): Paging<100>) -> Answer {
    let page = app.run(move |app| app.subscriptions.plans(page)).await?;
    Ok(array(&request, page, PlanBody::from))
}

/// `POST /subscription/plan/`
pub(crate) async fn add_plan(app: Data<App>, Admin(actor): Admin, body: Body<PlanRequest>) -> Answer {
    let terms = body.value.terms()?;
    let plan = app.run(move |app| app.subscriptions.add_plan(&actor, &terms)).await?;
    Ok(HttpResponse::Created().json(PlanBody::from(plan)))
}

/// `PUT /subscription/plan/{id}/`
pub(crate) async fn revise_plan(
    app: Data<App>,
    Admin(actor): Admin,
    PathId(id): PathId,
    body: Body<PlanRequest>,
) -> Answer {
    let terms = body.value.terms()?;
    let plan = app.run(move |app| app.subscriptions.revise_plan(&actor, PlanId(id), &terms)).await?;
    Ok(HttpResponse::Ok().json(PlanBody::from(plan)))
}

/// `DELETE /subscription/plan/{id}/`
pub(crate) async fn delete_plan(app: Data<App>, Admin(actor): Admin, PathId(id): PathId) -> Answer {
    app.run(move |app| app.subscriptions.delete_plan(&actor, PlanId(id))).await?;
    Ok(HttpResponse::NoContent().finish())
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct SubscribeRequest {
    user: Input<i64>,
    plan: Input<i64>,
}

impl Request for SubscribeRequest {}

/// `POST /subscription/add/plan/`
pub(crate) async fn subscribe(app: Data<App>, Caller(actor): Caller, body: Body<SubscribeRequest>) -> Answer {
    let mut violations = Violations::default();
    let user = body.value.user.optional("user", &mut violations);
    let plan = body.value.plan.required("plan", &mut violations);
    let Some(plan) = plan.filter(|_| violations.is_empty()) else { return Err(violations.into()) };
    let subscription = app.run(move |app| app.subscriptions.subscribe(&actor, user, PlanId(plan))).await?;
    Ok(HttpResponse::Created().json(SubscriptionBody::from(subscription)))
}

/// What a user's plan allows today, as the API writes it.
#[derive(Serialize)]
struct UsageBody {
    plan: &'static str,
    limit: u32,
    used: u32,
    remaining: u32,
    reset: Timestamp,
}

impl From<PlanUsage> for UsageBody {
    fn from(PlanUsage { plan, quota, resets_at }: PlanUsage) -> Self {
        Self {
            plan: plan.as_str(),
            limit: quota.limit,
            used: quota.used,
            remaining: quota.remaining(),
            reset: Timestamp(resets_at),
        }
    }
}

/// `GET /subscription/usage/`
pub(crate) async fn usage(app: Data<App>, Caller(actor): Caller) -> Answer {
    let usage = app.run(move |app| app.subscriptions.usage(&actor)).await?;
    Ok(HttpResponse::Ok().json(UsageBody::from(usage)))
}
