//! Support library of the black-box suites.
