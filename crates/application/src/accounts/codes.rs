use jobportal_domain::{Code, CodePurpose, EmailAddress, OneTimeCode, User, UserId, Verdict, Violations};

use super::Accounts;
use crate::{Error, NewNotification, Notification, Result, SealedCode, UnitOfWork};

impl Accounts {
    /// Stores the digest of a code, and of its long form if it has one, in place of those of the last one. False where the user
    /// got as many as the policy allows: who asks may be somebody else, who wants to guess or to annoy.
    pub(super) fn keep_code(
        &self,
        uow: &mut dyn UnitOfWork,
        user_id: UserId,
        purpose: CodePurpose,
        target: &str,
        (code, long_code): (&Code, Option<&Code>),
    ) -> Result<bool> {
        let now = self.clock.now();
        let mut digest = self.random.public_id()?;
        let context = context(user_id, purpose, target, &digest);
        for form in std::iter::once(code).chain(long_code) {
            digest = format!("{digest}.{}", self.vault.digest(&context, form.expose()));
        }
        let (target, policy) = (target.to_owned(), self.settings.codes);
        let issued = match uow.codes().lock(user_id, purpose)? {
            Some(former) => former.reissue(target, digest, policy, now),
            None => Some(OneTimeCode::issue(user_id, purpose, target, digest, policy, now)),
        };
        let Some(issued) = issued else {
            tracing::info!(%user_id, %purpose, "no further code for now");
            return Ok(false);
        };
        uow.codes().replace(&issued)?;
        Ok(true)
    }

    /// Puts the mail that brings a code into the outbox.
    pub(super) fn send_code(
        &self,
        uow: &mut dyn UnitOfWork,
        purpose: CodePurpose,
        recipient: &EmailAddress,
        (code, long_code): (&Code, Option<&Code>),
    ) -> Result<()> {
        let seal = |code: &Code| Ok::<_, Error>(SealedCode(self.vault.seal(code.expose())?));
        let (code, long_code) = (seal(code)?, long_code.map(seal).transpose()?);
        let valid_minutes = self.settings.codes.effective_lifetime().num_minutes();
        let content = match purpose {
            CodePurpose::EmailVerification => Notification::Welcome { code, valid_minutes },
            CodePurpose::PasswordReset => Notification::PasswordReset { code, long_code, valid_minutes },
            CodePurpose::EmailChange => Notification::EmailChange { code, valid_minutes },
            CodePurpose::PhoneNumberChange => Notification::PhoneNumberChange { code, valid_minutes },
            CodePurpose::SecondFactorEnrolment => Notification::SecondFactorEnrolment { code, valid_minutes },
        };
        let created_at = self.clock.now();
        uow.outbox().enqueue(&NewNotification { recipient: recipient.clone(), content, created_at })?;
        Ok(())
    }

    /// Sends a code to the address that it is to prove, unless the user got as many as the policy allows.
    pub(super) fn issue_code(
        &self,
        uow: &mut dyn UnitOfWork,
        user_id: UserId,
        purpose: CodePurpose,
        email: &EmailAddress,
        forms: (&Code, Option<&Code>),
    ) -> Result<()> {
        if self.keep_code(uow, user_id, purpose, email.as_str(), forms)? {
            self.send_code(uow, purpose, email, forms)?;
        }
        Ok(())
    }

    /// Uses up one try at the user's code for `purpose`, unless it is made with the long form; returns what it was issued for, if it is accepted. The caller must
    /// let the transaction commit whatever the answer: a try that is undone is a try too many.
    pub(super) fn try_code(
        &self,
        uow: &mut dyn UnitOfWork,
        user_id: UserId,
        purpose: CodePurpose,
        code: &Code,
    ) -> Result<Option<String>> {
        let Some(mut kept) = uow.codes().lock(user_id, purpose)? else { return Ok(None) };
        let (target, now) = (kept.target.clone(), self.clock.now());
        let matches = |kept: &str| {
            let mut parts = kept.split('.');
            let (salt, digest) = (parts.next(), parts.nth(usize::from(code.is_long())));
            salt.zip(digest).is_some_and(|(salt, digest)| {
                self.vault.matches(&context(user_id, purpose, &target, salt), code.expose(), digest)
            })
        };
        let verdict = if code.is_long() { kept.attempt_long(now, matches) } else { kept.attempt(now, matches) };
        uow.codes().update(&kept)?;
        Ok((verdict == Verdict::Accepted).then_some(target))
    }

    /// Uses up one try at a code that proves the address which the account has now: one that was sent to its former address
    /// proves nothing. The transaction must commit, as after [`Self::try_code`].
    pub(super) fn proves(
        &self,
        uow: &mut dyn UnitOfWork,
        user: &User,
        purpose: CodePurpose,
        code: &Code,
    ) -> Result<bool> {
        Ok(self.try_code(uow, user.id, purpose, code)?.is_some_and(|target| target == user.email.as_str()))
    }
}

/// Binds a digest to all that the code was issued for, so that no other code's digest can stand in for it.
fn context(user_id: UserId, purpose: CodePurpose, target: &str, salt: &str) -> String {
    format!("code:{purpose}:{user_id}:{target}:{salt}")
}

/// The one answer to every code that is not accepted, so that it tells nothing about the account.
pub(super) fn rejected() -> Error {
    let mut violations = Violations::single("code", "OTP does not exist.");
    violations.push("email", "Email does not exist.");
    Error::Invalid(violations)
}
