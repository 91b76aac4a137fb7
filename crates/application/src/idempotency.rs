use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

use crate::{Error, RepositoryError, Result, Store, UnitOfWork, Vault};

/// What a caller names a request by, so that a retry is known as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestKey {
    /// Whose key it is; the same key of another caller is another one.
    pub caller: String,
    /// The key.
    pub key: String,
    /// The keyed digest ([`Vault::digest`]) of what is asked for: a retry has the same, another request has another one.
    pub fingerprint: String,
}

impl RequestKey {
    /// How long the answer to a request is kept.
    pub const LIFETIME: TimeDelta = TimeDelta::hours(24);
}

/// The answer to a request, in a form that the shell chooses. It may hold a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Receipt(pub String);

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receipt(…)")
    }
}

/// A receipt as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredReceipt {
    /// That of the request.
    pub fingerprint: String,
    /// The receipt, sealed by [`Vault::seal`].
    pub sealed: String,
}

/// Receipts, by caller and key.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait ReceiptRepository {
    /// Claims a key until the end of the transaction, without waiting; false: another transaction has it. What that one
    /// commits, reads after the claim see. Where writers take turns, each claim is granted.
    fn claim(&mut self, key: &RequestKey) -> Result<bool, RepositoryError>;
    /// Finds the receipt of a key, if it was stored after `after`.
    fn find(&mut self, key: &RequestKey, after: DateTime<Utc>) -> Result<Option<StoredReceipt>, RepositoryError>;
    /// Stores the sealed receipt of a key in place of one that was not stored after `after`; false: there is a later one.
    fn insert(
        &mut self,
        key: &RequestKey,
        sealed: &str,
        now: DateTime<Utc>,
        after: DateTime<Utc>,
    ) -> Result<bool, RepositoryError>;
    /// Deletes up to `limit` receipts that were not stored after `after`; returns how many.
    fn purge(&mut self, after: DateTime<Utc>, limit: u32) -> Result<u64, RepositoryError>;
}

/// How the outcome of a use case becomes a receipt.
type Render<'a, T> = dyn FnMut(&T) -> Result<Receipt> + 'a;

/// Lets a use case that makes a `T` do so once for a [`RequestKey`], whichever node is asked and whatever crashes in between:
/// the receipt is committed together with what was made. Whoever repeats the request meets [`Error::Repeated`] with the
/// receipt. A refusal undoes the transaction, so it leaves no receipt, and a retry is judged anew.
pub struct Once<'a, T>(Option<Keyed<'a, T>>);

struct Keyed<'a, T> {
    key: RequestKey,
    vault: &'a dyn Vault,
    render: &'a mut Render<'a, T>,
}

impl<'a, T> Once<'a, T> {
    /// No key: every call makes something.
    pub fn unkeyed() -> Self {
        Self(None)
    }

    /// Once for `key`; `render` writes the receipt, which `vault` seals.
    pub fn keyed(key: RequestKey, vault: &'a dyn Vault, render: &'a mut Render<'a, T>) -> Self {
        Self(Some(Keyed { key, vault, render }))
    }

    /// Whether every call makes something.
    pub(crate) fn is_unkeyed(&self) -> bool {
        self.0.is_none()
    }

    /// Does `work` in a transaction, unless it was done before.
    pub(crate) fn write(
        self,
        store: &dyn Store,
        now: DateTime<Utc>,
        mut work: impl FnMut(&mut dyn UnitOfWork) -> Result<T>,
    ) -> Result<T> {
        let Some(mut keyed) = self.0 else { return store.write(work) };
        store.write(|uow| {
            if !uow.receipts().claim(&keyed.key)? {
                return Err(Error::InFlight);
            }
            keyed.refuse_repeated(uow, now)?;
            let outcome = work(uow)?;
            keyed.keep_receipt(uow, &outcome, now)?;
            Ok(outcome)
        })
    }

    /// Refuses what was done before. For use cases that look at what is stored, or take long, before they write: what the first
    /// request stored must not refuse its retry.
    pub(crate) fn refuse_repeated(&self, uow: &mut dyn UnitOfWork, now: DateTime<Utc>) -> Result<()> {
        match &self.0 {
            Some(keyed) => keyed.refuse_repeated(uow, now),
            None => Ok(()),
        }
    }
}

impl<T> Keyed<'_, T> {
    fn refuse_repeated(&self, uow: &mut dyn UnitOfWork, now: DateTime<Utc>) -> Result<()> {
        match uow.receipts().find(&self.key, now - RequestKey::LIFETIME)? {
            None => Ok(()),
            Some(stored) if stored.fingerprint == self.key.fingerprint => {
                Err(Error::Repeated(Receipt(self.vault.open(&stored.sealed)?)))
            }
            Some(_) => Err(Error::KeyReused),
        }
    }

    fn keep_receipt(&mut self, uow: &mut dyn UnitOfWork, outcome: &T, now: DateTime<Utc>) -> Result<()> {
        let sealed = self.vault.seal(&(self.render)(outcome)?.0)?;
        let is_first = uow.receipts().insert(&self.key, &sealed, now, now - RequestKey::LIFETIME)?;
        if is_first { Ok(()) } else { Err(Error::InFlight) }
    }
}

#[cfg(test)]
mod tests {
    use mockall::Sequence;
    use mockall::predicate::eq;

    use super::*;
    use crate::Access;
    use crate::fixtures::{now, sealed, store, vault};
    use crate::mocks::MockUnitOfWork;

    fn key() -> RequestKey {
        RequestKey { caller: "user:1".to_owned(), key: "k".to_owned(), fingerprint: "f".to_owned() }
    }

    fn stored(fingerprint: &str) -> StoredReceipt {
        StoredReceipt { fingerprint: fingerprint.to_owned(), sealed: sealed("answer 7") }
    }

    /// A unit of work in which the claim is granted, and `found` is what was stored in the last 24 hours.
    fn with(found: Option<StoredReceipt>) -> MockUnitOfWork {
        let mut uow = MockUnitOfWork::default();
        uow.receipts.expect_claim().with(eq(key())).returning(|_| Ok(true));
        let since = now() - TimeDelta::hours(24);
        uow.receipts.expect_find().with(eq(key()), eq(since)).returning(move |_, _| Ok(found.clone()));
        uow
    }

    /// Makes a 7 once; returns whether it was made, what came of it, and the transactions.
    fn make(uow: MockUnitOfWork, outcome: Result<i32>) -> (bool, Result<i32>, Vec<(Access, bool)>) {
        let (store, vault, mut outcome, mut is_made) = (store(uow), vault(), Some(outcome), false);
        let mut render = |made: &i32| Ok(Receipt(format!("answer {made}")));
        let once = Once::keyed(key(), &*vault, &mut render);
        let result = once.write(&*store, now(), |_| {
            is_made = true;
            outcome.take().unwrap()
        });
        (is_made, result, store.transactions())
    }

    #[test]
    fn without_a_key_nothing_is_looked_up_or_kept() {
        let store = store(MockUnitOfWork::default());
        let once = Once::unkeyed();
        assert!(once.refuse_repeated(&mut MockUnitOfWork::default(), now()).is_ok());
        assert_eq!(once.write(&*store, now(), |_| Ok(7)).unwrap(), 7);
        assert_eq!(store.transactions(), [(Access::Write, true)]);
    }

    #[test]
    fn the_sealed_receipt_is_kept_in_the_transaction_of_the_work() {
        let (mut uow, mut order) = (MockUnitOfWork::default(), Sequence::new());
        uow.receipts.expect_claim().once().in_sequence(&mut order).returning(|_| Ok(true));
        uow.receipts.expect_find().once().in_sequence(&mut order).returning(|_, _| Ok(None));
        uow.receipts
            .expect_insert()
            .once()
            .in_sequence(&mut order)
            .withf(|of, receipt, at, after| {
                (of, receipt, *at, *after) == (&key(), &sealed("answer 7"), now(), now() - RequestKey::LIFETIME)
            })
            .returning(|_, _, _, _| Ok(true));
        let (is_made, result, transactions) = make(uow, Ok(7));
        assert_eq!((is_made, result.unwrap()), (true, 7));
        assert_eq!(transactions, [(Access::Write, true)]);
    }

    #[test]
    fn a_retry_meets_the_receipt_and_another_request_is_refused() {
        let (is_made, result, transactions) = make(with(Some(stored("f"))), Ok(7));
        assert!(matches!(result, Err(Error::Repeated(receipt)) if receipt.0 == "answer 7"));
        assert_eq!((is_made, transactions), (false, vec![(Access::Write, false)]));
        let (is_made, result, _) = make(with(Some(stored("another"))), Ok(7));
        assert!(!is_made && matches!(result, Err(Error::KeyReused)));
    }

    #[test]
    fn what_another_transaction_is_making_is_in_flight() {
        let mut uow = MockUnitOfWork::default();
        uow.receipts.expect_claim().returning(|_| Ok(false));
        let (is_made, result, _) = make(uow, Ok(7));
        assert!(!is_made && matches!(result, Err(Error::InFlight)));

        let mut uow = with(None);
        uow.receipts.expect_insert().returning(|_, _, _, _| Ok(false));
        let (_, result, transactions) = make(uow, Ok(7));
        assert!(matches!(result, Err(Error::InFlight)));
        assert_eq!(transactions, [(Access::Write, false)]);
    }

    #[test]
    fn a_refusal_leaves_no_receipt() {
        let (is_made, result, transactions) = make(with(None), Err(Error::NotFound("gone")));
        assert!(is_made && matches!(result, Err(Error::NotFound(_))));
        assert_eq!(transactions, [(Access::Write, false)]);
    }

    #[test]
    fn a_receipt_is_not_shown() {
        let error = Error::Repeated(Receipt("secret".to_owned()));
        assert!(!format!("{error} {error:?}").contains("secret"));
    }
}
