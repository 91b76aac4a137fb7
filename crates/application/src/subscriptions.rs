use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use jobportal_domain::{
    DailyQuota, Period, Plan, PlanId, PlanName, PlanTerms, Renewal, Subscription, SubscriptionId, UserId, next_midnight,
};

use crate::{
    Action, Actor, Clock, Constraint, Error, Once, Page, PageRequest, Precondition, RepositoryError, Result, Store,
    UnitOfWork, events,
};

const NO_PLAN: Error = Error::NotFound("Subscription plan not found.");

/// How many subscriptions one transaction of the renewal touches.
const RENEWAL_BATCH: u32 = 200;

/// Plans.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait PlanRepository {
    /// All plans, by id; there are at most as many as there are names.
    fn list(&mut self) -> Result<Vec<Plan>, RepositoryError>;
    /// Finds a plan.
    fn find(&mut self, id: PlanId) -> Result<Option<Plan>, RepositoryError>;
    /// Finds a plan and holds it until the end of the transaction.
    fn lock(&mut self, id: PlanId) -> Result<Option<Plan>, RepositoryError>;
    /// Finds a plan by its name.
    fn find_by_name(&mut self, name: PlanName) -> Result<Option<Plan>, RepositoryError>;
    /// Stores a plan. Conflict: [`Constraint::PlanName`].
    fn insert(&mut self, terms: &PlanTerms, now: DateTime<Utc>) -> Result<Plan, RepositoryError>;
    /// Stores the terms of a plan. Conflict: [`Constraint::PlanName`].
    fn update(&mut self, plan: &Plan) -> Result<(), RepositoryError>;
    /// Deletes a plan; false: there is none. Conflict: [`Constraint::Reference`], if anyone ever subscribed to it.
    fn delete(&mut self, id: PlanId) -> Result<bool, RepositoryError>;
}

/// Subscriptions: at most one active per user.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait SubscriptionRepository {
    /// The active subscription of a user, with the terms of its plan.
    fn active(&mut self, user: UserId) -> Result<Option<(Subscription, PlanTerms)>, RepositoryError>;
    /// The active subscription of a user, held until the end of the transaction.
    fn lock_active(&mut self, user: UserId) -> Result<Option<Subscription>, RepositoryError>;
    /// Stores a subscription and returns its id. Conflict: [`Constraint::ActiveSubscription`].
    fn insert(&mut self, subscription: &Subscription) -> Result<SubscriptionId, RepositoryError>;
    /// Stores what changed of a subscription.
    fn update(&mut self, subscription: &Subscription) -> Result<(), RepositoryError>;
    /// Up to `limit` active subscriptions whose period ended at or before `now`, held until the end of the transaction, with
    /// the name and the duration of their plan. Those that another transaction holds are passed over.
    fn due(&mut self, now: DateTime<Utc>, limit: u32)
    -> Result<Vec<(Subscription, PlanName, Period)>, RepositoryError>;
}

/// Daily use of allowances.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait UsageRepository {
    /// How many applications of `user` were counted on `day`.
    fn applications(&mut self, user: UserId, day: NaiveDate) -> Result<u32, RepositoryError>;
    /// Counts one application of `user` on `day`, unless `limit` of them were counted; returns how many they are now, `None`:
    /// it was not counted. Of concurrent calls no more than `limit` are counted.
    fn take_application(&mut self, user: UserId, day: NaiveDate, limit: u32) -> Result<Option<u32>, RepositoryError>;
    /// Deletes the counts of days before `day`; returns how many.
    fn purge(&mut self, before: NaiveDate) -> Result<u64, RepositoryError>;
}

/// What a user's plan allows on one day, and how much of it they have used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanUsage {
    /// The plan that holds for the user.
    pub plan: PlanName,
    /// Applications.
    pub quota: DailyQuota,
    /// When the next day begins.
    pub resets_at: DateTime<Utc>,
}

/// Plans and subscriptions.
#[derive(Clone)]
pub struct Subscriptions {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
}

impl Subscriptions {
    /// Wires it.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// All plans, by id.
    pub fn plans(&self, page: PageRequest) -> Result<Page<Plan>> {
        let plans = self.store.read_one(|uow| Ok(uow.plans().list()?))?;
        let total = plans.len() as u64;
        let offset = usize::try_from(page.offset()).unwrap_or(usize::MAX);
        let items = plans.into_iter().skip(offset).take(page.size() as usize).collect();
        Page::new(items, total, page).or_invalid()
    }

    /// One plan.
    pub fn plan(&self, id: PlanId) -> Result<Plan> {
        self.store.read_one(|uow| uow.plans().find(id)?.ok_or(NO_PLAN))
    }

    /// Makes a plan, as an admin.
    pub fn add_plan(&self, actor: &Actor, terms: &PlanTerms, once: Once<'_, Plan>) -> Result<Plan> {
        actor.require(Action::ManagePlans)?;
        let now = self.clock.now();
        once.write(&*self.store, now, |uow| uow.plans().insert(terms, now).map_err(name_taken))
    }

    /// Changes what a plan offers and costs, as an admin. Present subscriptions keep their period; the next one is of the new
    /// length.
    pub fn revise_plan(
        &self,
        actor: &Actor,
        id: PlanId,
        terms: &PlanTerms,
        precondition: &Precondition,
    ) -> Result<Plan> {
        actor.require(Action::ManagePlans)?;
        let now = self.clock.now();
        self.store.write(|uow| {
            let mut plan = uow.plans().lock(id)?.ok_or(NO_PLAN)?;
            precondition.check(plan.version)?;
            if plan.terms.name == PlanName::Free && terms.name != PlanName::Free {
                return Err(Error::invalid(
                    "name",
                    "The free plan holds where no other was chosen; it keeps its name.",
                ));
            }
            plan.revise(terms.clone(), now);
            uow.plans().update(&plan).map_err(name_taken)?;
            Ok(plan)
        })
    }

    /// Deletes a plan that nobody ever subscribed to, as an admin. The free plan stays: it holds where no other was chosen.
    pub fn delete_plan(&self, actor: &Actor, id: PlanId, precondition: &Precondition) -> Result<()> {
        actor.require(Action::ManagePlans)?;
        self.store.write(|uow| {
            let plan = uow.plans().lock(id)?.ok_or(NO_PLAN)?;
            precondition.check(plan.version)?;
            if plan.terms.name == PlanName::Free {
                return Err(Error::Conflict("The free plan can't be deleted.".to_owned()));
            }
            match uow.plans().delete(id) {
                Ok(_) => Ok(()),
                Err(RepositoryError::Conflict(_)) => {
                    Err(Error::Conflict("The plan has subscriptions and can't be deleted.".to_owned()))
                }
                Err(other) => Err(other.into()),
            }
        })
    }

    /// Subscribes the caller to a plan from now on; the subscription they had ends. `user` is the id in the body, if it has
    /// one: must be the caller's own.
    pub fn subscribe(
        &self,
        actor: &Actor,
        user: Option<i64>,
        plan_id: PlanId,
        once: Once<'_, Subscription>,
    ) -> Result<Subscription> {
        actor.require(Action::Subscribe)?;
        actor.require_own_user(user)?;
        let now = self.clock.now();
        once.write(&*self.store, now, |uow| {
            // Two choices of one user come one after the other, so that neither fails.
            if !uow.users().lock(actor.user_id)? {
                return Err(Error::Unauthenticated("User not found."));
            }
            let Some(plan) = uow.plans().find(plan_id)? else {
                return Err(Error::invalid("plan", format_args!("Invalid pk \"{plan_id}\" - object does not exist.")));
            };
            if let Some(mut former) = uow.subscriptions().lock_active(actor.user_id)? {
                former.end(now);
                uow.subscriptions().update(&former)?;
            }
            let mut subscription = Subscription::start(actor.user_id, plan.id, plan.terms.duration, now);
            subscription.id = uow.subscriptions().insert(&subscription)?;
            Ok(subscription)
        })
    }

    /// How much of today's allowance the caller has used.
    pub fn usage(&self, actor: &Actor) -> Result<PlanUsage> {
        actor.require(Action::ReadUsage)?;
        let now = self.clock.now();
        self.store.read(|uow| {
            let terms = plan_in_force(uow, actor.user_id, now)?;
            let used = uow.usage().applications(actor.user_id, now.date_naive())?;
            let quota = DailyQuota { limit: terms.max_job_applications_per_day, used };
            Ok(PlanUsage { plan: terms.name, quota, resets_at: next_midnight(now) })
        })
    }

    /// Renews or ends subscriptions whose period has ended, a batch; returns how many. Call again until it returns 0.
    pub fn renew_due(&self) -> Result<usize> {
        let now = self.clock.now();
        self.store.write(|uow| {
            let due = uow.subscriptions().due(now, RENEWAL_BATCH)?;
            let count = due.len();
            for (mut subscription, plan, duration) in due {
                let event = match subscription.renew(plan, duration, now) {
                    Renewal::NotDue => continue,
                    Renewal::Renewed(event) | Renewal::Expired(event) => event,
                };
                uow.subscriptions().update(&subscription)?;
                events::publish(uow, &event, now)?;
            }
            Ok(count)
        })
    }
}

fn name_taken(error: RepositoryError) -> Error {
    match error {
        RepositoryError::Conflict(Constraint::PlanName) => {
            Error::invalid("name", "Subscription plan with this name already exists.")
        }
        other => other.into(),
    }
}

/// The terms that hold for the user: those of the plan they subscribed to, or of the free plan.
pub(crate) fn plan_in_force(uow: &mut dyn UnitOfWork, user: UserId, now: DateTime<Utc>) -> Result<PlanTerms> {
    if let Some((subscription, terms)) = uow.subscriptions().active(user)?
        && subscription.entitles(now)
    {
        return Ok(terms);
    }
    let free = uow.plans().find_by_name(PlanName::Free)?;
    free.map(|plan| plan.terms).ok_or_else(|| Error::Internal("there is no free plan".into()))
}

#[cfg(test)]
mod tests;
