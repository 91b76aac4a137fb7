use std::cell::RefCell;

thread_local! {
    static CURRENT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Does `work` on this thread in the name of the request with this id: what it puts into the outbox has the id, so that a mail can
/// be followed back to the request that caused it.
pub fn in_request<T>(id: Option<String>, work: impl FnOnce() -> T) -> T {
    /// Also when the work panics.
    struct Restore(Option<String>);

    impl Drop for Restore {
        fn drop(&mut self) {
            CURRENT.set(self.0.take());
        }
    }

    let _restore = Restore(CURRENT.replace(id));
    work()
}

/// The id of the request in whose name this thread works, if there is one.
pub fn request_id() -> Option<String> {
    CURRENT.with_borrow(Clone::clone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_done_in_the_name_of_its_request_alone() {
        assert_eq!(request_id(), None);
        in_request(Some("outer".to_owned()), || {
            assert_eq!(in_request(Some("inner".to_owned()), request_id).as_deref(), Some("inner"));
            assert_eq!(in_request(None, request_id), None);
            assert_eq!(request_id().as_deref(), Some("outer"));
        });
        let panicked = std::panic::catch_unwind(|| in_request(Some("x".to_owned()), || panic!("on purpose")));
        assert!(panicked.is_err() && request_id().is_none());
    }
}
