use chrono::{DateTime, Utc};
use jobportal_domain::{Event, UserId, UserType};

use crate::{NewNotification, Notification, Result, SealedCode, UnitOfWork};

/// Does what follows from an event, in the transaction of the event.
pub(crate) fn publish(uow: &mut dyn UnitOfWork, event: &Event, now: DateTime<Utc>) -> Result<()> {
    match *event {
        Event::EmailVerified { user_id, user_type: UserType::Candidate } => {
            uow.candidates().create(user_id, now)?;
        }
        Event::EmailVerified { user_id, user_type: UserType::Employer } => {
            uow.employers().create(user_id, now)?;
        }
        Event::PasswordChanged { user_id } => tell(uow, user_id, Notification::PasswordChanged, now)?,
        Event::SecurityChanged { user_id, change } => {
            tell(uow, user_id, Notification::security_changed(change), now)?;
        }
        Event::ApplicationSubmitted { application_id, job_id } => {
            if let Some(parties) = uow.applications().parties(application_id)? {
                let (title, candidate) = (parties.job_title, parties.candidate_name);
                let content = Notification::application_received(application_id, job_id, title, candidate);
                enqueue(uow, parties.employer_email, content, now)?;
            }
        }
        Event::ApplicationStatusChanged { application_id, status } => {
            if let Some(parties) = uow.applications().parties(application_id)? {
                let (title, company) = (parties.job_title, parties.company_name);
                let content = Notification::application_status_changed(application_id, title, company, status);
                enqueue(uow, parties.candidate_email, content, now)?;
            }
        }
        Event::SubscriptionExpired { user_id, plan, .. } => {
            tell(uow, user_id, Notification::subscription_expired(plan), now)?;
        }
        // An admin has no profile, and a renewal needs nobody's attention.
        _ => {}
    }
    tracing::debug!(?event, "published");
    Ok(())
}

fn tell(
    uow: &mut dyn UnitOfWork,
    user_id: UserId,
    content: Notification<SealedCode>,
    now: DateTime<Utc>,
) -> Result<()> {
    match uow.users().find(user_id)? {
        Some(user) => enqueue(uow, user.email, content, now),
        None => Ok(()),
    }
}

fn enqueue(
    uow: &mut dyn UnitOfWork,
    recipient: jobportal_domain::EmailAddress,
    content: Notification<SealedCode>,
    created_at: DateTime<Utc>,
) -> Result<()> {
    uow.outbox().enqueue(&NewNotification { recipient, content, created_at })?;
    Ok(())
}
