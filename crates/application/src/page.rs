use chrono::{DateTime, Utc};

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

/// A place in a list that is ordered by a time and, among equal times, by an id: right after the item that has them. An item
/// that is added or moves elsewhere does not shift it, as it shifts pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The time of the item.
    pub time: DateTime<Utc>,
    /// Its id.
    pub id: i64,
}

impl Position {
    /// The place before everything that has this time or a later one.
    pub const fn before(time: DateTime<Utc>) -> Self {
        // Ids are positive.
        Self { time, id: 0 }
    }
}

/// Which part is asked for of a list that is read from a place on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SliceRequest {
    after: Position,
    size: u32,
}

impl SliceRequest {
    /// What follows `after`, `size` items at most; `None` for a size of 0 or over [`PageRequest::MAX_SIZE`].
    pub fn new(after: Position, size: u32) -> Option<Self> {
        (1..=PageRequest::MAX_SIZE).contains(&size).then_some(Self { after, size })
    }

    /// The place after which the part begins.
    pub const fn after(self) -> Position {
        self.after
    }

    /// How many items to read: one more than the part may have tells whether others follow.
    pub const fn limit(self) -> i64 {
        self.size as i64 + 1
    }
}

/// A part of a list that is read from a place on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice<T> {
    /// The items of this part.
    pub items: Vec<T>,
    /// The place to go on from; where there were no items, the one that was asked for.
    pub next: Position,
    /// Whether there is more by now.
    pub has_more: bool,
}

impl<T> Slice<T> {
    /// Makes the part that was asked for of the items that were read, [`SliceRequest::limit`] at most.
    pub fn new(mut items: Vec<T>, request: SliceRequest, position: impl Fn(&T) -> Position) -> Self {
        let size = request.size as usize;
        let has_more = items.len() > size;
        items.truncate(size);
        let next = items.last().map_or(request.after, position);
        Self { items, next, has_more }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_goes_on_after_its_last_item_or_where_it_was() {
        let position = |id: &i64| Position { time: DateTime::UNIX_EPOCH, id: *id };
        let request = SliceRequest::new(position(&1), 2).unwrap();
        let slice = |items: &[i64]| Slice::new(items.to_vec(), request, position);
        assert_eq!(request.limit(), 3);
        assert_eq!(slice(&[2, 3, 4]), Slice { items: vec![2, 3], next: position(&3), has_more: true });
        assert_eq!(slice(&[2, 3]), Slice { items: vec![2, 3], next: position(&3), has_more: false });
        assert_eq!(slice(&[]), Slice { items: vec![], next: position(&1), has_more: false });
        for size in [0, PageRequest::MAX_SIZE + 1] {
            assert_eq!(SliceRequest::new(Position::default(), size), None, "{size}");
        }
        assert!(Position::before(DateTime::UNIX_EPOCH) < position(&1));
    }

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
