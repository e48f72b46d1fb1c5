//! The keyspace.

pub mod slot;
pub mod time;
