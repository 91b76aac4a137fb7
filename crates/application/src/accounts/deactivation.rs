use chrono::{DateTime, Utc};
use jobportal_domain::{EmailAddress, Event, JobState, SecurityChange, User, UserId};

use super::{Accounts, hold};
use crate::{Actor, Error, PageRequest, Reauthentication, Result, UnitOfWork, events};

const NO_ACCOUNT: Error = Error::NotFound("No account has this e-mail address.");

/// An account that is out of use can't be signed in to, and gets no code for a new password. Its profile is in no list, and an
/// employer's live jobs are paused. What it took part in stays: its applications are shown to the employers who have them.
impl Accounts {
    /// Takes the account of the one who asks out of use, ends its sessions and returns their ids, for
    /// [`SessionDenylist::deny`](crate::SessionDenylist::deny). Slow: it hashes.
    ///
    /// Fails with [`Error::Invalid`] under `password`.
    pub fn deactivate(&self, actor: &Actor, proof: &Reauthentication) -> Result<Vec<String>> {
        let now = self.clock.now();
        self.reauthenticated(actor, proof, |uow, user| take_out_of_use(uow, user, now))
    }

    /// Takes an account out of use, for an operator, and returns its id. An account that is out of use stays so.
    pub fn deactivate_account(&self, email: &EmailAddress) -> Result<UserId> {
        let now = self.clock.now();
        self.held(email, |uow, user| {
            if user.is_active() {
                take_out_of_use(uow, user, now)?;
            }
            Ok(user.id)
        })
    }

    /// Puts an account back into use, for an operator, and returns its id. Its jobs stay paused until their employer publishes them.
    pub fn activate_account(&self, email: &EmailAddress) -> Result<UserId> {
        let now = self.clock.now();
        self.held(email, |uow, user| {
            uow.users().set_deactivated(user.id, None, now)?;
            Ok(user.id)
        })
    }

    /// Ends all sessions of an account, for an operator; returns its id, and how many.
    pub fn end_sessions_of(&self, email: &EmailAddress) -> Result<(UserId, usize)> {
        let now = self.clock.now();
        self.held(email, |uow, user| Ok((user.id, uow.sessions().end_of_user(user.id, None, now)?.len())))
    }

    fn held<T>(&self, email: &EmailAddress, work: impl Fn(&mut dyn UnitOfWork, &User) -> Result<T>) -> Result<T> {
        self.store.write(|uow| {
            let found = uow.users().find_by_email(email)?.ok_or(NO_ACCOUNT)?;
            let user = hold(uow, found.id)?.ok_or(NO_ACCOUNT)?;
            work(uow, &user)
        })
    }
}

fn take_out_of_use(uow: &mut dyn UnitOfWork, user: &User, now: DateTime<Utc>) -> Result<Vec<String>> {
    uow.users().set_deactivated(user.id, Some(now), now)?;
    pause_jobs(uow, user, now)?;
    events::publish(uow, &Event::SecurityChanged { user_id: user.id, change: SecurityChange::Deactivated }, now)?;
    Ok(uow.sessions().end_of_user(user.id, None, now)?)
}

/// Pauses all live jobs of a user.
fn pause_jobs(uow: &mut dyn UnitOfWork, user: &User, now: DateTime<Utc>) -> Result<()> {
    let mut ids = Vec::new();
    for number in 1.. {
        let Some(request) = PageRequest::new(number, PageRequest::MAX_SIZE) else { break };
        let page = uow.jobs().list_by_owner(user.id, &[JobState::Published], now, request)?;
        ids.extend(page.items.iter().map(|job| job.id));
        if !page.has_next() {
            break;
        }
    }
    // All are held before the first is changed, which holds the clock of the jobs: so nobody waits for this one and is waited for.
    ids.sort_unstable();
    let mut jobs = Vec::new();
    for id in ids {
        jobs.extend(uow.jobs().lock(id)?.map(|owned| owned.job));
    }
    for mut job in jobs {
        // One that was closed meanwhile is none that readers find.
        if job.pause(now).is_ok() {
            uow.jobs().update(&job)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use jobportal_domain::{Job, JobId, JobStatus, NotificationId};
    use mockall::predicate::eq;

    use super::*;
    use crate::fixtures::{
        AccountsFixture, CANDIDATE_USER, PASSWORD, candidate, email, job, now, owned, page_of, user, violations,
    };
    use crate::{NewNotification, Notification};

    fn proof(password: &str) -> Reauthentication {
        Reauthentication { password: password.to_owned(), second_factor: None }
    }

    /// Expects the account to be taken out of use, its sessions to end, its owner to be told and these jobs to be paused.
    fn expect_end(fixture: &mut AccountsFixture, jobs: Vec<Job>) {
        let uow = &mut fixture.uow;
        uow.users
            .expect_set_deactivated()
            .once()
            .with(eq(CANDIDATE_USER), eq(Some(now())), eq(now()))
            .returning(|_, _, _| Ok(()));
        uow.sessions
            .expect_end_of_user()
            .once()
            .with(eq(CANDIDATE_USER), eq(None), eq(now()))
            .returning(|_, _, _| Ok(vec!["session-present".to_owned()]));
        let change = SecurityChange::Deactivated.as_str().to_owned();
        let content = Notification::SecurityChanged { change };
        let mail = NewNotification { recipient: user().email, content, created_at: now() };
        uow.outbox.expect_enqueue().once().with(eq(mail)).returning(|_| Ok(NotificationId(1)));
        let listed = jobs.clone();
        uow.jobs.expect_list_by_owner().once().returning(move |_, states, _, _| {
            assert_eq!(states, [JobState::Published]);
            Ok(page_of(listed.clone()))
        });
        uow.jobs.expect_lock().returning(move |id| Ok(jobs.iter().find(|job| job.id == id).cloned().map(owned)));
    }

    #[test]
    fn the_right_password_takes_the_own_account_out_of_use() {
        let mut fixture = AccountsFixture::default();
        fixture.expect_user(&user());
        expect_end(&mut fixture, vec![]);
        let (accounts, _) = fixture.wire();
        assert_eq!(accounts.deactivate(&candidate(), &proof(PASSWORD)).unwrap(), ["session-present"]);
    }

    #[test]
    fn a_wrong_password_does_nothing() {
        let mut fixture = AccountsFixture::default();
        fixture.expect_user(&user());
        let (accounts, _) = fixture.wire();
        let broken = violations(accounts.deactivate(&candidate(), &proof("wrong")));
        assert_eq!(broken.of("password"), ["Password is incorrect."]);
    }

    #[test]
    fn live_jobs_are_paused_and_one_that_was_closed_meanwhile_is_left() {
        let mut fixture = AccountsFixture::default();
        fixture.expect_user(&user());
        let closed = Job { id: JobId(900), status: JobStatus::Filled, closed_at: Some(now()), ..job() };
        expect_end(&mut fixture, vec![closed, job()]);
        fixture
            .uow
            .jobs
            .expect_update()
            .once()
            .withf(|changed| changed.id == job().id && changed.status == JobStatus::Paused)
            .returning(|_| Ok(()));
        let (accounts, _) = fixture.wire();
        accounts.deactivate_account(&email("ann@example.com")).unwrap();
    }

    #[test]
    fn an_account_that_is_out_of_use_stays_so_until_it_is_put_back() {
        let mut fixture = AccountsFixture::default();
        fixture.expect_user(&User { deactivated_at: Some(now()), ..user() });
        fixture
            .uow
            .users
            .expect_set_deactivated()
            .once()
            .with(eq(CANDIDATE_USER), eq(None), eq(now()))
            .returning(|_, _, _| Ok(()));
        let (accounts, _) = fixture.wire();
        accounts.deactivate_account(&email("ann@example.com")).unwrap();
        accounts.activate_account(&email("ann@example.com")).unwrap();
    }

    #[test]
    fn an_operator_ends_sessions_and_is_told_of_an_address_that_nobody_has() {
        let mut fixture = AccountsFixture::default();
        fixture.expect_user(&user());
        fixture
            .uow
            .sessions
            .expect_end_of_user()
            .once()
            .with(eq(CANDIDATE_USER), eq(None), eq(now()))
            .returning(|_, _, _| Ok(vec![String::new(); 3]));
        let (accounts, _) = fixture.wire();
        assert_eq!(accounts.end_sessions_of(&email("ann@example.com")).unwrap(), (CANDIDATE_USER, 3));
        let nobody = email("nobody@example.com");
        for outcome in [
            accounts.end_sessions_of(&nobody).map(drop),
            accounts.deactivate_account(&nobody).map(drop),
            accounts.activate_account(&nobody).map(drop),
        ] {
            assert!(matches!(outcome, Err(Error::NotFound(_))));
        }
    }
}
