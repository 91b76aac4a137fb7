use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use jobportal_application::{PlanUsage, Subject};
use jobportal_domain::{Money, Period, Plan, PlanId, PlanName, PlanTerms, Subscription, Text, Violations};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::App;
use crate::body::{Body, Request};
use crate::conditional::{IfMatch, versioned};
use crate::error::ApiError;
use crate::extract::{Caller, PathId};
use crate::idempotency::{IdempotencyKey, answer_once};
use crate::input::Input;
use crate::openapi::{Operation, one_of, schema_of};
use crate::page::{Paging, Query, array};
use crate::responses::Reply;
use crate::wire::{FlagInput, IdInput, TextOrNumber, Timestamp};

type Answer = Result<HttpResponse, ApiError>;

const TAG: &str = "Subscriptions";

/// A [`PlanName`] on the wire.
struct PlanNameText;

schema_of! {
    PlanNameText as "PlanName" => one_of(PlanName::ALL.iter().map(|value| value.as_str()));
}

/// A plan, as the API writes it.
#[derive(Serialize, ToSchema)]
#[schema(as = Plan)]
struct PlanBody {
    #[schema(example = 2)]
    id: i64,
    #[schema(value_type = PlanNameText)]
    name: &'static str,
    #[schema(example = "9.99")]
    price: String,
    #[schema(example = "Basic plan with access to essential features.")]
    description: String,
    #[schema(example = "10 job applications per day")]
    features: String,
    /// Days, then hours, minutes and seconds; zero never ends.
    #[schema(example = "30 00:00:00")]
    duration: String,
    #[schema(example = 10)]
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
#[derive(Serialize, ToSchema)]
#[schema(as = Subscription)]
struct SubscriptionBody {
    #[schema(example = 9)]
    id: i64,
    start_date: Timestamp,
    auto_renew: bool,
    has_expired: bool,
    is_active: bool,
    /// The end of the paid period, in spite of its name.
    trial_start_date: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
    /// The id of the account.
    #[schema(example = 7)]
    user: i64,
    /// The id of the plan.
    #[schema(example = 2)]
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

#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = NewPlan)]
pub(crate) struct PlanRequest {
    #[schema(value_type = PlanNameText, required)]
    name: Input<String>,
    /// A decimal number with at most two places.
    #[schema(value_type = TextOrNumber, required, example = "9.99")]
    price: Input<TextOrNumber>,
    #[schema(
        value_type = String,
        required,
        max_length = 1000,
        example = "Basic plan with access to essential features."
    )]
    description: Input<String>,
    #[schema(value_type = String, required, max_length = 1000, example = "10 job applications per day")]
    features: Input<String>,
    /// Days, then hours, minutes and seconds (`30 00:00:00`), or ISO 8601 (`P30D`); zero never ends.
    #[schema(value_type = String, required, pattern = "^([0-9]{1,4} )?[0-9]{2}:[0-9]{2}:[0-9]{2}$|^P[0-9]{1,4}D$", example = "30 00:00:00")]
    duration: Input<String>,
    #[schema(value_type = IdInput, required, example = 10)]
    max_job_applications_per_day: Input<i64>,
    #[schema(value_type = Option<FlagInput>)]
    priority_support: Input<bool>,
    #[schema(value_type = Option<FlagInput>)]
    career_coaching: Input<bool>,
}

impl Request for PlanRequest {}

/// The most applications a day that a plan may allow.
const MAX_PER_DAY: i64 = 100_000;

impl PlanRequest {
    fn terms(self) -> Result<PlanTerms, Violations> {
        let mut violations = Violations::default();
        let name = self.name.required_as("name", &mut violations, |raw| PlanName::parse(&raw));
        let price = self.price.text().required_as("price", &mut violations, |raw| Money::parse(&raw));
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
    let key = Query::of(&request).key(&request);
    let render = |plans| Ok(Reply::to_all(array(&request, plans, PlanBody::from), [Subject::Plans]));
    app.answer_all(&key, move |app| app.subscriptions.plans(page), render).await
}

pub(crate) fn plans_doc() -> Operation {
    Operation::new(TAG, "plans_list", "List the plans").ok_list::<PlanBody>("A page of plans.")
}

/// `GET /subscription/plan/{id}/`
pub(crate) async fn plan(app: Data<App>, _: Caller, PathId(id): PathId) -> Answer {
    let plan = app.run(move |app| app.subscriptions.plan(PlanId(id))).await?;
    let version = plan.version;
    Ok(versioned(HttpResponse::Ok().json(PlanBody::from(plan)), version))
}

pub(crate) fn plan_doc() -> Operation {
    Operation::new(TAG, "plans_details", "Read a plan").ok::<PlanBody>("The plan.")
}

/// `POST /subscription/plan/`
pub(crate) async fn add_plan(
    app: Data<App>,
    Caller(actor): Caller,
    key: IdempotencyKey,
    body: Body<PlanRequest>,
) -> Answer {
    let key = key.of_user(&app, &actor, body.content);
    let terms = body.value.terms()?;
    let created = |plan: Plan| {
        let version = plan.version;
        versioned(HttpResponse::Created().json(PlanBody::from(plan)), version)
    };
    let added =
        move |app: &App| answer_once(app, key, created, |once| app.subscriptions.add_plan(&actor, &terms, once));
    Ok(app.run(added).await?.into())
}

pub(crate) fn add_plan_doc() -> Operation {
    Operation::new(TAG, "plans_add", "Make a plan")
        .about("One for each name; all five are there from the start, so one has to be deleted before.")
        .created::<PlanBody>("The plan.")
        .versioned()
        .leads_to("plans_details", "id")
        .leads_to("plans_replace", "id")
        .leads_to("plans_delete", "id")
}

/// `PUT /subscription/plan/{id}/`
pub(crate) async fn revise_plan(
    app: Data<App>,
    Caller(actor): Caller,
    PathId(id): PathId,
    IfMatch(precondition): IfMatch,
    body: Body<PlanRequest>,
) -> Answer {
    let terms = body.value.terms()?;
    let plan = app.run(move |app| app.subscriptions.revise_plan(&actor, PlanId(id), &terms, &precondition)).await?;
    Ok(HttpResponse::Ok().json(PlanBody::from(plan)))
}

pub(crate) fn revise_plan_doc() -> Operation {
    Operation::new(TAG, "plans_replace", "Change what a plan offers and costs")
        .about("Present subscriptions keep their period; the next one is of the new length.")
        .ok::<PlanBody>("The plan as it is now.")
}

/// `DELETE /subscription/plan/{id}/`
pub(crate) async fn delete_plan(
    app: Data<App>,
    Caller(actor): Caller,
    PathId(id): PathId,
    IfMatch(precondition): IfMatch,
) -> Answer {
    app.run(move |app| app.subscriptions.delete_plan(&actor, PlanId(id), &precondition)).await?;
    Ok(HttpResponse::NoContent().finish())
}

pub(crate) fn delete_plan_doc() -> Operation {
    Operation::new(TAG, "plans_delete", "Delete a plan that nobody ever subscribed to")
        .about("The free plan stays: it holds where no other was chosen.")
        .no_content("The plan is gone.")
        .refuses(StatusCode::CONFLICT)
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = Subscribe)]
pub(crate) struct SubscribeRequest {
    /// The id of the caller's account, if given.
    #[schema(value_type = Option<IdInput>)]
    user: Input<i64>,
    /// The id of the plan.
    #[schema(value_type = IdInput, required, example = 2)]
    plan: Input<i64>,
}

impl Request for SubscribeRequest {}

/// `POST /subscription/add/plan/`
pub(crate) async fn subscribe(
    app: Data<App>,
    Caller(actor): Caller,
    key: IdempotencyKey,
    body: Body<SubscribeRequest>,
) -> Answer {
    let key = key.of_user(&app, &actor, body.content);
    let mut violations = Violations::default();
    let user = body.value.user.optional("user", &mut violations);
    let plan = body.value.plan.required("plan", &mut violations);
    let Some(plan) = plan.filter(|_| violations.is_empty()) else { return Err(violations.into()) };
    let created = |subscription| HttpResponse::Created().json(SubscriptionBody::from(subscription));
    let subscribed = move |app: &App| {
        answer_once(app, key, created, |once| app.subscriptions.subscribe(&actor, user, PlanId(plan), once))
    };
    Ok(app.run(subscribed).await?.into())
}

/// What a user's plan allows today, as the API writes it.
#[derive(Serialize, ToSchema)]
#[schema(as = Usage)]
struct UsageBody {
    #[schema(value_type = PlanNameText)]
    plan: &'static str,
    /// How many applications the plan allows a day.
    #[schema(example = 5)]
    limit: u32,
    #[schema(example = 2)]
    used: u32,
    #[schema(example = 3)]
    remaining: u32,
    /// When the count begins anew.
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

pub(crate) fn usage_doc() -> Operation {
    Operation::new(TAG, "subscriptions_usage", "See what today's quota leaves")
        .about("Days are UTC. Without a subscription, the free plan counts.")
        .ok::<UsageBody>("The quota, and what was used of it.")
}

pub(crate) fn subscribe_doc() -> Operation {
    Operation::new(TAG, "subscriptions_subscribe", "Subscribe to a plan")
        .about("The subscription the caller had ends.")
        .created::<SubscriptionBody>("The subscription, from now on.")
        .refuses(StatusCode::FORBIDDEN)
}
