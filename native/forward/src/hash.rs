//! Lookup.
