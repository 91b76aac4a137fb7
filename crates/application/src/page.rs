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
