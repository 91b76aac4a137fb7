use jobportal_domain::{Code, CodePurpose, EmailAddress, OneTimeCode, UserId, Verdict, Violations};

use super::Accounts;
use crate::{Error, NewNotification, Notification, Result, SealedCode, UnitOfWork};

impl Accounts {
    /// Issues a code in place of the last one, and puts the mail that brings it into the outbox. Where the user got as many as
    /// the policy allows, nothing happens: who asks may be somebody else, who wants to guess or to annoy.
    pub(super) fn issue_code(
        &self,
        uow: &mut dyn UnitOfWork,
        user_id: UserId,
        email: &EmailAddress,
        purpose: CodePurpose,
        code: &Code,
    ) -> Result<()> {
        let now = self.clock.now();
        let digest = self.vault.digest(&context(user_id, purpose), code.expose());
        let policy = self.settings.codes;
        let issued = match uow.codes().lock(user_id, purpose)? {
            Some(former) => former.reissue(digest, policy, now),
            None => Some(OneTimeCode::issue(user_id, purpose, digest, policy, now)),
        };
        let Some(issued) = issued else {
            tracing::info!(%user_id, %purpose, "no further code for now");
            return Ok(());
        };
        uow.codes().replace(&issued)?;
        let sealed = SealedCode(self.vault.seal(code.expose())?);
        let valid_minutes = policy.lifetime.num_minutes();
        let content = match purpose {
            CodePurpose::EmailVerification => Notification::Welcome { code: sealed, valid_minutes },
            CodePurpose::PasswordReset => Notification::PasswordReset { code: sealed, valid_minutes },
        };
        uow.outbox().enqueue(&NewNotification { recipient: email.clone(), content, created_at: now })?;
        Ok(())
    }

    /// Uses up one try at the user's code for `purpose`. The caller must let the transaction commit whatever the answer:
    /// a try that is undone is a try too many.
    pub(super) fn try_code(
        &self,
        uow: &mut dyn UnitOfWork,
        user_id: UserId,
        purpose: CodePurpose,
        code: &Code,
    ) -> Result<bool> {
        let Some(mut kept) = uow.codes().lock(user_id, purpose)? else { return Ok(false) };
        let context = context(user_id, purpose);
        let verdict = kept.attempt(self.clock.now(), |digest| self.vault.matches(&context, code.expose(), digest));
        uow.codes().update(&kept)?;
        Ok(verdict == Verdict::Accepted)
    }
}

/// Binds a digest to one user and purpose, so that no other code's digest can stand in for it.
fn context(user_id: UserId, purpose: CodePurpose) -> String {
    format!("code:{purpose}:{user_id}")
}

/// The one answer to every code that is not accepted, so that it tells nothing about the account.
pub(super) fn rejected() -> Error {
    let mut violations = Violations::single("code", "OTP does not exist.");
    violations.push("email", "Email does not exist.");
    Error::Invalid(violations)
}
