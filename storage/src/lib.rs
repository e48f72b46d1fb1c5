//! The keyspace.

pub mod big_string;
pub mod glob;
pub mod slot;
pub mod time;
pub mod waiters;
pub mod wheel;
