//! Pieces of work of the pure crates, small enough to count their instructions.
#![forbid(unsafe_code)]

mod forward;
mod frames;
mod meter;
mod packet;
mod pair;
mod session;

pub use meter::{BATCH, Meter};

/// One piece of work.
pub struct Case {
    /// Stays the same for ever: figures are compared by it.
    pub name: &'static str,
    /// What a reader is told.
    pub what: &'static str,
    /// Payload bytes that one turn handles; 0: they do not matter.
    pub bytes: usize,
    pub run: fn(&mut Meter),
}

/// All, crate by crate.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    [packet::CASES, session::CASES, forward::CASES]
        .into_iter()
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_piece_of_work_does_what_it_says() {
        let mut names = BTreeSet::new();
        for case in cases() {
            assert!(names.insert(case.name), "{} is there twice", case.name);
            assert!(
                case.name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-/".contains(&b))
            );
            (case.run)(&mut Meter::new(2));
        }
        assert!(names.len() > 20);
    }
}
