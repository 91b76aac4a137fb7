//! Suite.

mod mailers;
