//! The keyspace.

pub mod slab;
