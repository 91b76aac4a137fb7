use crate::{Error, Result};

/// Which part of a list is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest {
    number: u32,
    size: u32,
}

impl PageRequest {
    /// The largest page.
    pub const MAX_SIZE: u32 = 100;

    /// Page `number`, counted from 1, of `size` items; `None` for page 0 and for a size of 0 or over [`Self::MAX_SIZE`].
    pub fn new(number: u32, size: u32) -> Option<Self> {
        (number > 0 && (1..=Self::MAX_SIZE).contains(&size)).then_some(Self { number, size })
    }

    /// The number of the page, from 1.
    pub const fn number(self) -> u32 {
        self.number
    }

    /// The number of items on a page.
    pub const fn size(self) -> u32 {
        self.size
    }

    /// How many items come before the page.
    pub const fn offset(self) -> i64 {
        (self.number as i64 - 1) * self.size as i64
    }
}

/// A part of a list, and how long the whole is.
///
/// ```
/// use jobportal_application::{Page, PageRequest};
///
/// let second = PageRequest::new(2, 10).unwrap();
/// assert_eq!(second.offset(), 10);
/// let page = Page::new(vec!["the eleventh"], 11, second);
/// assert!(!page.has_next());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The items of this page.
    pub items: Vec<T>,
    /// How many items the whole list has.
    pub total: u64,
    /// What was asked for.
    pub request: PageRequest,
}

impl<T> Page<T> {
    /// A part of a list of `total` items.
    pub fn new(items: Vec<T>, total: u64, request: PageRequest) -> Self {
        Self { items, total, request }
    }

    /// The same page of something else.
    pub fn map<U>(self, convert: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(convert).collect(), total: self.total, request: self.request }
    }

    /// Refuses a page past the end; the first page of an empty list is there.
    pub fn or_invalid(self) -> Result<Self> {
        if self.items.is_empty() && self.request.number > 1 { Err(Error::INVALID_PAGE) } else { Ok(self) }
    }

    /// Whether another page follows.
    pub fn has_next(&self) -> bool {
        u64::from(self.request.number) * u64::from(self.request.size) < self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_counted_from_one_and_bounded() {
        for (number, size) in [(0, 10), (1, 0), (1, PageRequest::MAX_SIZE + 1)] {
            assert_eq!(PageRequest::new(number, size), None, "{number} {size}");
        }
        assert_eq!(PageRequest::new(3, 10).unwrap().offset(), 20);
        assert_eq!(PageRequest::new(u32::MAX, 100).unwrap().offset(), 429_496_729_400);
    }

    #[test]
    fn a_page_past_the_end_is_not_there_but_the_first_page_always_is() {
        let empty = |number| Page::<()>::new(Vec::new(), 0, PageRequest::new(number, 10).unwrap());
        assert!(empty(1).or_invalid().is_ok());
        assert!(matches!(empty(2).or_invalid(), Err(Error::NotFound("Invalid page."))));
    }

    #[test]
    fn a_page_knows_whether_another_follows() {
        let second_of = |total| Page::new(vec![()], total, PageRequest::new(2, 10).unwrap());
        assert!(second_of(21).has_next());
        assert!(!second_of(20).has_next());
        assert_eq!(second_of(20).map(|()| 1).items, [1]);
    }
}
