use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use diesel::{delete, insert_into, update};
use jobportal_application::{PlanRepository, RepositoryError, Subject, SubscriptionRepository, UsageRepository};
use jobportal_domain::{
    Money, Period, Plan, PlanId, PlanName, PlanTerms, Subscription, SubscriptionId, Text, UserId, Version,
};

use crate::connection::AnyConnection;
use crate::error::stored;
use crate::schema::{daily_usage, plans, subscriptions};
use crate::session::Session;
use crate::time::At;

#[derive(Queryable, Selectable)]
#[diesel(table_name = plans)]
struct PlanRow {
    id: i64,
    name: String,
    price: i64,
    description: String,
    features: String,
    duration_seconds: i64,
    max_job_applications_per_day: i64,
    priority_support: bool,
    career_coaching: bool,
    created_at: At,
    updated_at: At,
    version: i64,
}

impl TryFrom<PlanRow> for Plan {
    type Error = RepositoryError;

    fn try_from(row: PlanRow) -> Result<Self, RepositoryError> {
        let limit = u32::try_from(row.max_job_applications_per_day);
        Ok(Self {
            id: PlanId(row.id),
            terms: PlanTerms {
                name: stored("plans.name", PlanName::parse(&row.name))?,
                price: stored("plans.price", Money::from_minor_units(row.price).ok_or(()))?,
                description: stored("plans.description", Text::parse(&row.description))?,
                features: stored("plans.features", Text::parse(&row.features))?,
                duration: stored("plans.duration_seconds", Period::from_seconds(row.duration_seconds))?,
                max_job_applications_per_day: stored("plans.max_job_applications_per_day", limit)?,
                priority_support: row.priority_support,
                career_coaching: row.career_coaching,
            },
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
            version: Version(row.version),
        })
    }
}

#[derive(Insertable, AsChangeset)]
#[diesel(table_name = plans)]
struct TermsRow<'a> {
    name: &'a str,
    price: i64,
    description: &'a str,
    features: &'a str,
    duration_seconds: i64,
    max_job_applications_per_day: i64,
    priority_support: bool,
    career_coaching: bool,
}

impl<'a> From<&'a PlanTerms> for TermsRow<'a> {
    fn from(terms: &'a PlanTerms) -> Self {
        Self {
            name: terms.name.as_str(),
            price: terms.price.minor_units(),
            description: terms.description.as_str(),
            features: terms.features.as_str(),
            duration_seconds: terms.duration.seconds(),
            max_job_applications_per_day: terms.max_job_applications_per_day.into(),
            priority_support: terms.priority_support,
            career_coaching: terms.career_coaching,
        }
    }
}

impl PlanRepository for Session<'_> {
    fn list(&mut self) -> Result<Vec<Plan>, RepositoryError> {
        let rows = both!(self, |c| plans::table.order(plans::id).select(PlanRow::as_select()).load(c))?;
        rows.into_iter().map(Plan::try_from).collect()
    }

    fn find(&mut self, id: PlanId) -> Result<Option<Plan>, RepositoryError> {
        let query = plans::table.find(id.0);
        both!(self, |c| query.select(PlanRow::as_select()).get_result(c).optional())?.map(Plan::try_from).transpose()
    }

    fn lock(&mut self, id: PlanId) -> Result<Option<Plan>, RepositoryError> {
        hold!(self, plans::table.find(id.0).select(PlanRow::as_select()))?.map(Plan::try_from).transpose()
    }

    fn find_by_name(&mut self, name: PlanName) -> Result<Option<Plan>, RepositoryError> {
        let query = plans::table.filter(plans::name.eq(name.as_str()));
        both!(self, |c| query.select(PlanRow::as_select()).get_result(c).optional())?.map(Plan::try_from).transpose()
    }

    fn insert(&mut self, terms: &PlanTerms, now: DateTime<Utc>) -> Result<Plan, RepositoryError> {
        self.changes(Subject::Plans);
        let row = (TermsRow::from(terms), plans::created_at.eq(At(now)), plans::updated_at.eq(At(now)));
        let id = both!(self, |c| insert_into(plans::table).values(row).returning(plans::id).get_result(c))?;
        Ok(Plan { id: PlanId(id), terms: terms.clone(), created_at: now, updated_at: now, version: Version::FIRST })
    }

    fn update(&mut self, plan: &Plan) -> Result<(), RepositoryError> {
        self.changes(Subject::Plans);
        let changes =
            (TermsRow::from(&plan.terms), plans::updated_at.eq(At(plan.updated_at)), plans::version.eq(plan.version.0));
        both!(self, |c| update(plans::table.find(plan.id.0)).set(changes).execute(c))?;
        Ok(())
    }

    fn delete(&mut self, id: PlanId) -> Result<bool, RepositoryError> {
        self.changes(Subject::Plans);
        both!(self, |c| delete(plans::table.find(id.0)).execute(c)).map(|count| count > 0)
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = subscriptions)]
struct SubscriptionRow {
    id: i64,
    user_id: i64,
    plan_id: i64,
    started_at: At,
    period_ends_at: Option<At>,
    auto_renew: bool,
    has_expired: bool,
    is_active: bool,
    created_at: At,
    updated_at: At,
}

impl From<SubscriptionRow> for Subscription {
    fn from(row: SubscriptionRow) -> Self {
        Self {
            id: SubscriptionId(row.id),
            user_id: UserId(row.user_id),
            plan_id: PlanId(row.plan_id),
            started_at: row.started_at.0,
            period_ends_at: row.period_ends_at.map(|at| at.0),
            auto_renew: row.auto_renew,
            has_expired: row.has_expired,
            is_active: row.is_active,
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
        }
    }
}

#[derive(Insertable, AsChangeset)]
#[diesel(table_name = subscriptions, treat_none_as_default_value = false, treat_none_as_null = true)]
struct SubscriptionValues {
    user_id: i64,
    plan_id: i64,
    started_at: At,
    period_ends_at: Option<At>,
    auto_renew: bool,
    has_expired: bool,
    is_active: bool,
    created_at: At,
    updated_at: At,
}

impl From<&Subscription> for SubscriptionValues {
    fn from(subscription: &Subscription) -> Self {
        Self {
            user_id: subscription.user_id.0,
            plan_id: subscription.plan_id.0,
            started_at: At(subscription.started_at),
            period_ends_at: subscription.period_ends_at.map(At),
            auto_renew: subscription.auto_renew,
            has_expired: subscription.has_expired,
            is_active: subscription.is_active,
            created_at: At(subscription.created_at),
            updated_at: At(subscription.updated_at),
        }
    }
}

impl SubscriptionRepository for Session<'_> {
    fn active(&mut self, user: UserId) -> Result<Option<(Subscription, PlanTerms)>, RepositoryError> {
        let query = subscriptions::table
            .inner_join(plans::table)
            .filter(subscriptions::user_id.eq(user.0))
            .filter(subscriptions::is_active);
        let found = both!(self, |c| {
            query.select((SubscriptionRow::as_select(), PlanRow::as_select())).get_result(c).optional()
        })?;
        found.map(|(row, plan)| Ok((SubscriptionRow::into(row), Plan::try_from(plan)?.terms))).transpose()
    }

    fn lock_active(&mut self, user: UserId) -> Result<Option<Subscription>, RepositoryError> {
        let query = subscriptions::table.filter(subscriptions::user_id.eq(user.0)).filter(subscriptions::is_active);
        Ok(hold!(self, query.select(SubscriptionRow::as_select()))?.map(SubscriptionRow::into))
    }

    fn insert(&mut self, subscription: &Subscription) -> Result<SubscriptionId, RepositoryError> {
        let row = SubscriptionValues::from(subscription);
        both!(self, |c| insert_into(subscriptions::table).values(&row).returning(subscriptions::id).get_result(c))
            .map(SubscriptionId)
    }

    fn update(&mut self, subscription: &Subscription) -> Result<(), RepositoryError> {
        let changes = SubscriptionValues::from(subscription);
        both!(self, |c| update(subscriptions::table.find(subscription.id.0)).set(&changes).execute(c))?;
        Ok(())
    }

    fn due(
        &mut self,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<(Subscription, PlanName, Period)>, RepositoryError> {
        let query = subscriptions::table
            .filter(subscriptions::is_active)
            .filter(subscriptions::period_ends_at.le(Some(At(now))))
            .order(subscriptions::period_ends_at)
            .limit(limit.into());
        let result = match &mut *self.connection {
            AnyConnection::Sqlite(c) => query.select(SubscriptionRow::as_select()).load(c),
            AnyConnection::Postgres(c) => {
                query.select(SubscriptionRow::as_select()).for_no_key_update().skip_locked().load(c)
            }
        };
        let rows = self.settle(result)?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let plans = PlanRepository::list(self)?;
        rows.into_iter()
            .map(|row| {
                let plan = plans.iter().find(|plan| plan.id.0 == row.plan_id);
                let terms = &stored("subscriptions.plan_id", plan.ok_or(()))?.terms;
                Ok((row.into(), terms.name, terms.duration))
            })
            .collect()
    }
}

impl UsageRepository for Session<'_> {
    fn applications(&mut self, user: UserId, day: NaiveDate) -> Result<u32, RepositoryError> {
        let query = daily_usage::table.find((user.0, day)).select(daily_usage::applications);
        both!(self, |c| query.get_result(c).optional())?.map_or(Ok(0), count)
    }

    fn take_application(&mut self, user: UserId, day: NaiveDate, limit: u32) -> Result<Option<u32>, RepositoryError> {
        use diesel::query_dsl::methods::FilterDsl;
        if limit == 0 {
            return Ok(None);
        }
        let first = (daily_usage::user_id.eq(user.0), daily_usage::day.eq(day), daily_usage::applications.eq(1_i64));
        let counted = both!(self, |c| {
            insert_into(daily_usage::table)
                .values(first)
                .on_conflict((daily_usage::user_id, daily_usage::day))
                .do_update()
                .set(daily_usage::applications.eq(daily_usage::applications + 1_i64))
                .filter(daily_usage::applications.lt(i64::from(limit)))
                .returning(daily_usage::applications)
                .get_result(c)
                .optional()
        })?;
        counted.map(count).transpose()
    }

    fn purge(&mut self, before: NaiveDate) -> Result<u64, RepositoryError> {
        let past = daily_usage::table.filter(daily_usage::day.lt(before));
        both!(self, |c| delete(past).execute(c)).map(|count| count as u64)
    }
}

fn count(applications: i64) -> Result<u32, RepositoryError> {
    stored("daily_usage.applications", u32::try_from(applications))
}
