//! Support library of the black-box suites.

pub mod smtp;
