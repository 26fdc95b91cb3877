//! mld
