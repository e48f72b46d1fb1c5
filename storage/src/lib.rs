//! The keyspace.
pub mod log;
