use async_trait::async_trait;

/// Wakes whoever delivers mail, so that it need not look often. It may miss some; so who waits looks now and then all the same.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait MailSignal: Send + Sync {
    /// How often there was more mail so far; to be taken before one looks for some.
    fn arrivals(&self) -> u64;
    /// Waits until there was more mail more often than that.
    async fn more_than(&self, arrivals: u64);
}
