mod sessions;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::{delete, insert_into, update};
use jobportal_application::{
    AccountDetails, AccountSummary, CodeRepository, Contact, NewUser, Page, PageRequest, RepositoryError, Subject,
    UserRepository,
};
use jobportal_domain::{CodePurpose, EmailAddress, OneTimeCode, PasswordHash, PhoneNumber, User, UserId, UserType};

use crate::error::stored;
use crate::schema::{applications, candidates, employers, jobs, one_time_codes, users};
use crate::session::Session;
use crate::time::At;

#[derive(Queryable, Selectable)]
#[diesel(table_name = users)]
struct UserRow {
    id: i64,
    email: String,
    phone_number: String,
    user_type: String,
    password_hash: String,
    verified_at: Option<At>,
    created_at: At,
    deactivated_at: Option<At>,
}

impl TryFrom<UserRow> for User {
    type Error = RepositoryError;

    fn try_from(row: UserRow) -> Result<Self, RepositoryError> {
        Ok(Self {
            id: UserId(row.id),
            email: stored("users.email", EmailAddress::parse(&row.email))?,
            phone_number: stored("users.phone_number", PhoneNumber::parse(&row.phone_number))?,
            user_type: stored("users.user_type", UserType::parse(&row.user_type))?,
            password_hash: PasswordHash::new(row.password_hash),
            verified_at: row.verified_at.map(|at| at.0),
            created_at: row.created_at.0,
            deactivated_at: row.deactivated_at.map(|at| at.0),
        })
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = users)]
pub(crate) struct ContactRow {
    id: i64,
    user_type: String,
    email: String,
    phone_number: String,
}

impl TryFrom<ContactRow> for Contact {
    type Error = RepositoryError;

    fn try_from(row: ContactRow) -> Result<Self, RepositoryError> {
        Ok(Self {
            user_id: UserId(row.id),
            user_type: stored("users.user_type", UserType::parse(&row.user_type))?,
            email: Some(stored("users.email", EmailAddress::parse(&row.email))?),
            phone_number: Some(stored("users.phone_number", PhoneNumber::parse(&row.phone_number))?),
        })
    }
}

#[derive(Insertable)]
#[diesel(table_name = users, treat_none_as_default_value = false)]
pub(crate) struct NewUserRow<'a> {
    pub(crate) email: &'a str,
    pub(crate) phone_number: &'a str,
    pub(crate) user_type: &'a str,
    pub(crate) password_hash: &'a str,
    pub(crate) verified_at: Option<At>,
    pub(crate) created_at: At,
    pub(crate) updated_at: At,
}

impl Session<'_> {
    /// Adds to each account its profile; candidates and employers are read in one go each.
    fn with_profiles(&mut self, contacts: Vec<ContactRow>) -> Result<Vec<AccountSummary>, RepositoryError> {
        let contacts = contacts.into_iter().map(Contact::try_from).collect::<Result<Vec<_>, _>>()?;
        let ids_of = |user_type| -> Vec<i64> {
            contacts.iter().filter(|contact| contact.user_type == user_type).map(|contact| contact.user_id.0).collect()
        };
        let candidates = self.candidates_of(&ids_of(UserType::Candidate))?;
        let employers = self.employers_of(&ids_of(UserType::Employer))?;
        let candidates = candidates.into_iter().map(|profile| (profile.user_id, AccountDetails::Candidate(profile)));
        let employers = employers.into_iter().map(|profile| (profile.user_id, AccountDetails::Employer(profile)));
        let mut profiles: HashMap<_, _> = candidates.chain(employers).collect();
        let summary = |contact: Contact| {
            let details = profiles.remove(&contact.user_id).unwrap_or(AccountDetails::None);
            AccountSummary { contact, details }
        };
        Ok(contacts.into_iter().map(summary).collect())
    }
}

impl UserRepository for Session<'_> {
    fn insert(&mut self, user: &NewUser) -> Result<UserId, RepositoryError> {
        let row = NewUserRow {
            email: user.email.as_str(),
            phone_number: user.phone_number.as_str(),
            user_type: user.user_type.as_str(),
            password_hash: user.password_hash.expose(),
            verified_at: user.verified_at.map(At),
            created_at: At(user.created_at),
            updated_at: At(user.created_at),
        };
        both!(self, |c| insert_into(users::table).values(&row).returning(users::id).get_result(c)).map(UserId)
    }

    fn find(&mut self, id: UserId) -> Result<Option<User>, RepositoryError> {
        let query = users::table.find(id.0);
        both!(self, |c| query.select(UserRow::as_select()).get_result(c).optional())?.map(User::try_from).transpose()
    }

    fn find_by_email(&mut self, email: &EmailAddress) -> Result<Option<User>, RepositoryError> {
        let query = users::table.filter(users::email.eq(email.as_str()));
        both!(self, |c| query.select(UserRow::as_select()).get_result(c).optional())?.map(User::try_from).transpose()
    }

    fn find_by_phone_number(&mut self, phone_number: &PhoneNumber) -> Result<Option<User>, RepositoryError> {
        let query = users::table.filter(users::phone_number.eq(phone_number.as_str()));
        both!(self, |c| query.select(UserRow::as_select()).get_result(c).optional())?.map(User::try_from).transpose()
    }

    fn lock(&mut self, id: UserId) -> Result<bool, RepositoryError> {
        let found: Option<i64> = hold!(self, users::table.find(id.0).select(users::id))?;
        Ok(found.is_some())
    }

    fn mark_verified(&mut self, id: UserId, now: DateTime<Utc>) -> Result<(), RepositoryError> {
        let changes = (users::verified_at.eq(Some(At(now))), users::updated_at.eq(At(now)));
        both!(self, |c| update(users::table.find(id.0)).set(changes).execute(c))?;
        Ok(())
    }

    fn set_password(&mut self, id: UserId, hash: &PasswordHash, now: DateTime<Utc>) -> Result<(), RepositoryError> {
        let changes = (users::password_hash.eq(hash.expose()), users::updated_at.eq(At(now)));
        both!(self, |c| update(users::table.find(id.0)).set(changes).execute(c))?;
        Ok(())
    }

    fn set_email(&mut self, id: UserId, email: &EmailAddress, now: DateTime<Utc>) -> Result<(), RepositoryError> {
        let changes = (users::email.eq(email.as_str()), users::updated_at.eq(At(now)));
        both!(self, |c| update(users::table.find(id.0)).set(changes).execute(c))?;
        Ok(())
    }

    fn set_phone_number(
        &mut self,
        id: UserId,
        phone_number: &PhoneNumber,
        now: DateTime<Utc>,
    ) -> Result<(), RepositoryError> {
        let changes = (users::phone_number.eq(phone_number.as_str()), users::updated_at.eq(At(now)));
        both!(self, |c| update(users::table.find(id.0)).set(changes).execute(c))?;
        Ok(())
    }

    fn set_deactivated(
        &mut self,
        id: UserId,
        deactivated_at: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Result<(), RepositoryError> {
        // Its profile comes and goes with it.
        self.changes(Subject::Everything);
        let changes = (users::deactivated_at.eq(deactivated_at.map(At)), users::updated_at.eq(At(now)));
        both!(self, |c| update(users::table.find(id.0)).set(changes).execute(c))?;
        Ok(())
    }

    fn summary(&mut self, id: UserId) -> Result<Option<AccountSummary>, RepositoryError> {
        let query = users::table.find(id.0);
        let contacts = both!(self, |c| query.select(ContactRow::as_select()).load(c))?;
        Ok(self.with_profiles(contacts)?.pop())
    }

    fn list(&mut self, page: PageRequest) -> Result<Page<AccountSummary>, RepositoryError> {
        let active = users::table.filter(users::deactivated_at.is_null());
        let query = active.order(users::id).limit(page.size().into()).offset(page.offset());
        let contacts = both!(self, |c| query.select(ContactRow::as_select()).load(c))?;
        let total = total!(self, contacts, page, active.count());
        Ok(Page::new(self.with_profiles(contacts)?, total, page))
    }

    fn applicants_among(&mut self, employer: UserId, users: &[UserId]) -> Result<Vec<UserId>, RepositoryError> {
        let users: Vec<i64> = users.iter().map(|id| id.0).collect();
        let query = applications::table
            .inner_join(candidates::table)
            .inner_join(jobs::table.inner_join(employers::table))
            .filter(employers::user_id.eq(employer.0))
            .filter(candidates::user_id.eq_any(users))
            .select(candidates::user_id)
            .distinct();
        let found: Vec<i64> = both!(self, |c| query.load(c))?;
        Ok(found.into_iter().map(UserId).collect())
    }

    fn purge_unverified(&mut self, before: DateTime<Utc>) -> Result<u64, RepositoryError> {
        let past = users::table.filter(users::verified_at.is_null()).filter(users::created_at.lt(At(before)));
        let deleted = both!(self, |c| delete(past).execute(c))?;
        if deleted > 0 {
            // Their profiles go with them.
            self.changes(Subject::Everything);
        }
        Ok(deleted as u64)
    }
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = one_time_codes, treat_none_as_default_value = false, treat_none_as_null = true)]
struct CodeRow {
    user_id: i64,
    purpose: String,
    target: String,
    digest: String,
    issued_at: At,
    expires_at: At,
    attempts_left: i32,
    issues: i32,
    counted_since: At,
    consumed_at: Option<At>,
}

impl From<&OneTimeCode> for CodeRow {
    fn from(code: &OneTimeCode) -> Self {
        Self {
            user_id: code.user_id.0,
            purpose: code.purpose.as_str().to_owned(),
            target: code.target.clone(),
            digest: code.digest.clone(),
            issued_at: At(code.issued_at),
            expires_at: At(code.expires_at),
            attempts_left: code.attempts_left.into(),
            issues: code.issues.into(),
            counted_since: At(code.counted_since),
            consumed_at: code.consumed_at.map(At),
        }
    }
}

impl TryFrom<CodeRow> for OneTimeCode {
    type Error = RepositoryError;

    fn try_from(row: CodeRow) -> Result<Self, RepositoryError> {
        Ok(Self {
            user_id: UserId(row.user_id),
            purpose: stored("one_time_codes.purpose", CodePurpose::parse(&row.purpose))?,
            target: row.target,
            digest: row.digest,
            issued_at: row.issued_at.0,
            expires_at: row.expires_at.0,
            attempts_left: stored("one_time_codes.attempts_left", row.attempts_left.try_into())?,
            issues: stored("one_time_codes.issues", row.issues.try_into())?,
            counted_since: row.counted_since.0,
            consumed_at: row.consumed_at.map(|at| at.0),
        })
    }
}

impl CodeRepository for Session<'_> {
    fn replace(&mut self, code: &OneTimeCode) -> Result<(), RepositoryError> {
        let row = CodeRow::from(code);
        let key = (one_time_codes::user_id, one_time_codes::purpose);
        both!(self, |c| {
            insert_into(one_time_codes::table).values(&row).on_conflict(key).do_update().set(&row).execute(c)
        })?;
        Ok(())
    }

    fn lock(&mut self, user_id: UserId, purpose: CodePurpose) -> Result<Option<OneTimeCode>, RepositoryError> {
        let query = one_time_codes::table.find((user_id.0, purpose.as_str()));
        hold!(self, query.select(CodeRow::as_select()))?.map(OneTimeCode::try_from).transpose()
    }

    fn update(&mut self, code: &OneTimeCode) -> Result<(), RepositoryError> {
        let query = one_time_codes::table.find((code.user_id.0, code.purpose.as_str()));
        let row = CodeRow::from(code);
        both!(self, |c| update(query).set(&row).execute(c))?;
        Ok(())
    }

    fn purge(&mut self, before: DateTime<Utc>) -> Result<u64, RepositoryError> {
        let ended = one_time_codes::table.filter(one_time_codes::expires_at.lt(At(before)));
        both!(self, |c| delete(ended).execute(c)).map(|count| count as u64)
    }
}
