//! What every store must do, proved on `SQLite` and on `PostgreSQL`.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that can't go on has failed")]

/// Makes of each function a test on a database of either kind.
macro_rules! on_both {
    ($($test:ident),+ $(,)?) => {
        mod sqlite {
            use jobportal_tests::database::{Backend, TestDatabase};

            $(#[test] fn $test() { super::$test(&TestDatabase::create(Backend::Sqlite)); })+
        }

        mod postgres {
            use jobportal_tests::database::{Backend, TestDatabase};

            $(#[test] fn $test() {
                if Backend::Postgres.is_wanted() {
                    super::$test(&TestDatabase::create(Backend::Postgres));
                }
            })+
        }
    };
}

mod accounts;
mod applications;
mod candidates;
mod changes;
mod documents;
mod employers;
mod fixtures;
mod idempotency;
mod jobs;
mod migrations;
mod networks;
mod notifications;
mod plans;
mod responses;
mod schedule;
mod search;
mod search_pages;
mod second_factors;
mod seeding;
mod sessions;
mod statements;
mod store;
mod subscriptions;
mod suggestions;
