//! Decisions without I/O.
#![forbid(unsafe_code)]

mod replication;

pub use replication::ReplicationState;
