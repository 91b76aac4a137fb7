use chrono::{DateTime, TimeDelta, Utc};

use crate::closed_set::closed_set;
use crate::{Event, Money, Period, PlanId, SubscriptionId, Text, UserId, Version};

closed_set! {
    /// The plans that may be offered, one each.
    PlanName {
        /// What holds where nothing else was chosen.
        Free = "free",
        /// The first step.
        Basic = "basic",
        /// For those who apply a lot.
        Professional = "professional",
        /// For those who apply all the time.
        Premium = "premium",
        /// For organisations.
        Enterprise = "enterprise",
    }
}

/// What a plan offers and costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanTerms {
    /// Which plan it is; unique.
    pub name: PlanName,
    /// The price of one period.
    pub price: Money,
    /// One sentence on it.
    pub description: Text<1000>,
    /// What it has to offer, in words.
    pub features: Text<1000>,
    /// How long a period lasts; zero: without end.
    pub duration: Period,
    /// How many applications a day it allows.
    pub max_job_applications_per_day: u32,
    /// Whether questions are answered first.
    pub priority_support: bool,
    /// Whether career coaching is part of it.
    pub career_coaching: bool,
}

/// A plan that users subscribe to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Its identity.
    pub id: PlanId,
    /// What it offers and costs.
    pub terms: PlanTerms,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When its terms last changed.
    pub updated_at: DateTime<Utc>,
    /// Of this state.
    pub version: Version,
}

impl Plan {
    /// Changes what the plan offers and costs; the same terms again are no change.
    pub fn revise(&mut self, terms: PlanTerms, now: DateTime<Utc>) {
        if self.terms != terms {
            self.terms = terms;
            self.updated_at = now;
            self.version = self.version.next();
        }
    }
}

/// A user's subscription to a plan. At most one of a user's subscriptions is active.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Its identity; 0 before it is stored.
    pub id: SubscriptionId,
    /// Who subscribed.
    pub user_id: UserId,
    /// To which plan.
    pub plan_id: PlanId,
    /// When the present period began.
    pub started_at: DateTime<Utc>,
    /// When the present period ends; `None`: never.
    pub period_ends_at: Option<DateTime<Utc>>,
    /// Whether another period follows by itself.
    pub auto_renew: bool,
    /// Whether it ended because its period did.
    pub has_expired: bool,
    /// Whether it holds.
    pub is_active: bool,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// What the end of a period came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// The period has not ended, or the subscription is over.
    NotDue,
    /// The next period has begun.
    Renewed(Event),
    /// The subscription is over.
    Expired(Event),
}

impl Subscription {
    /// Subscribes `user_id` to a plan whose periods last `duration`, from now on.
    pub fn start(user_id: UserId, plan_id: PlanId, duration: Period, now: DateTime<Utc>) -> Self {
        Self {
            id: SubscriptionId(0),
            user_id,
            plan_id,
            started_at: now,
            period_ends_at: end_of(now, duration),
            auto_renew: true,
            has_expired: false,
            is_active: true,
            created_at: now,
            updated_at: now,
        }
    }

    /// Ends it at once because the user chose something else; that is not an expiry, and nobody needs to be told.
    pub fn end(&mut self, now: DateTime<Utc>) {
        self.is_active = false;
        self.updated_at = now;
    }

    /// Whether the plan's allowances hold at `now`. A period that has ended still counts where another one follows by
    /// itself: the next run of the renewal may be minutes away.
    pub fn entitles(&self, now: DateTime<Utc>) -> bool {
        self.is_active && (self.auto_renew || self.period_ends_at.is_none_or(|end| now < end))
    }

    /// Begins the next period or ends the subscription, if its period has ended. After a long pause the period that
    /// `now` is in begins, in step with the first one.
    ///
    /// ```
    /// use chrono::{TimeDelta, Utc};
    /// use jobportal_domain::{Period, PlanId, PlanName, Renewal, Subscription, UserId};
    ///
    /// let (start, month) = (Utc::now(), Period::parse("P30D").unwrap());
    /// let mut subscription = Subscription::start(UserId(1), PlanId(2), month, start);
    /// assert_eq!(subscription.renew(PlanName::Basic, month, start), Renewal::NotDue);
    /// assert!(matches!(subscription.renew(PlanName::Basic, month, start + TimeDelta::days(30)), Renewal::Renewed(_)));
    /// subscription.auto_renew = false;
    /// assert!(matches!(subscription.renew(PlanName::Basic, month, start + TimeDelta::days(60)), Renewal::Expired(_)));
    /// assert!(!subscription.is_active && subscription.has_expired);
    /// ```
    pub fn renew(&mut self, plan: PlanName, duration: Period, now: DateTime<Utc>) -> Renewal {
        let Some(end) = self.period_ends_at.filter(|end| self.is_active && *end <= now) else {
            return Renewal::NotDue;
        };
        self.updated_at = now;
        let (subscription_id, user_id) = (self.id, self.user_id);
        if !self.auto_renew {
            self.has_expired = true;
            self.is_active = false;
            return Renewal::Expired(Event::SubscriptionExpired { subscription_id, user_id, plan });
        }
        let whole_periods = if duration.is_endless() { 0 } else { (now - end).num_seconds() / duration.seconds() };
        let missed = TimeDelta::try_seconds(whole_periods * duration.seconds()).unwrap_or_default();
        self.started_at = end + missed;
        self.period_ends_at = end_of(self.started_at, duration);
        Renewal::Renewed(Event::SubscriptionRenewed { subscription_id, user_id, plan })
    }
}

fn end_of(start: DateTime<Utc>, duration: Period) -> Option<DateTime<Utc>> {
    (!duration.is_endless()).then(|| start + duration.as_delta())
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn month() -> Period {
        Period::parse("30 00:00:00").unwrap()
    }

    #[test]
    fn a_revision_of_a_plan_is_dated_and_counted_if_it_changes_anything() {
        let terms = PlanTerms {
            name: PlanName::Basic,
            price: Money::default(),
            description: Text::parse("A plan.").unwrap(),
            features: Text::parse("Some.").unwrap(),
            duration: month(),
            max_job_applications_per_day: 3,
            priority_support: false,
            career_coaching: false,
        };
        let (created_at, updated_at, version) = (START, START, Version::FIRST);
        let mut plan = Plan { id: PlanId(1), terms: terms.clone(), created_at, updated_at, version };
        plan.revise(terms.clone(), after(1));
        assert_eq!((plan.updated_at, plan.version), (START, Version::FIRST));
        let generous = PlanTerms { max_job_applications_per_day: 9, ..terms };
        plan.revise(generous.clone(), after(1));
        assert_eq!((plan.terms, plan.updated_at, plan.version), (generous, after(1), Version(2)));
    }

    fn monthly() -> Subscription {
        Subscription::start(UserId(1), PlanId(2), month(), START)
    }

    fn after(days: i64) -> DateTime<Utc> {
        START + TimeDelta::days(days)
    }

    #[test]
    fn the_next_period_follows_the_last_without_a_gap() {
        let mut subscription = monthly();
        let late = after(30) + TimeDelta::minutes(9);
        assert!(matches!(subscription.renew(PlanName::Basic, month(), late), Renewal::Renewed(_)));
        assert_eq!((subscription.started_at, subscription.period_ends_at), (after(30), Some(after(60))));
        assert_eq!(subscription.renew(PlanName::Basic, month(), late), Renewal::NotDue);
    }

    #[test]
    fn a_long_pause_leads_into_the_present_period() {
        let mut subscription = monthly();
        subscription.renew(PlanName::Basic, month(), after(100));
        assert_eq!((subscription.started_at, subscription.period_ends_at), (after(90), Some(after(120))));
        let mut on_the_boundary = monthly();
        on_the_boundary.renew(PlanName::Basic, month(), after(60));
        assert_eq!((on_the_boundary.started_at, on_the_boundary.period_ends_at), (after(60), Some(after(90))));
    }

    #[test]
    fn without_renewal_it_expires_once() {
        let mut subscription = Subscription { auto_renew: false, ..monthly() };
        assert!(subscription.entitles(after(29)));
        assert!(!subscription.entitles(after(30)));
        assert_eq!(subscription.renew(PlanName::Basic, month(), after(29)), Renewal::NotDue);
        assert!(matches!(subscription.renew(PlanName::Basic, month(), after(30)), Renewal::Expired(_)));
        assert_eq!((subscription.is_active, subscription.has_expired), (false, true));
        assert_eq!(subscription.renew(PlanName::Basic, month(), after(90)), Renewal::NotDue);
    }

    #[test]
    fn a_plan_of_zero_duration_never_ends() {
        let mut subscription = Subscription::start(UserId(1), PlanId(1), Period::default(), START);
        assert_eq!(subscription.period_ends_at, None);
        assert_eq!(subscription.renew(PlanName::Basic, Period::default(), after(3_650)), Renewal::NotDue);
        assert!(subscription.entitles(after(3_650)));
    }

    #[test]
    fn a_plan_made_endless_ends_the_counting_of_periods() {
        let mut subscription = monthly();
        assert!(matches!(subscription.renew(PlanName::Basic, Period::default(), after(31)), Renewal::Renewed(_)));
        assert_eq!((subscription.started_at, subscription.period_ends_at), (after(30), None));
    }

    #[test]
    fn an_ended_subscription_entitles_to_nothing() {
        let mut subscription = monthly();
        subscription.end(after(1));
        assert!(!subscription.entitles(after(2)));
        assert_eq!((subscription.has_expired, subscription.updated_at), (false, after(1)));
    }
}
