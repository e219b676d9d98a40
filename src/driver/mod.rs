//! Makes things happen.
pub mod tool;
