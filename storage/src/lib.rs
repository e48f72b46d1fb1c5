//! The keyspace.

pub mod glob;
pub mod slot;
pub mod time;
pub mod wheel;
