//! Integration tests: the built server, real clients, real bytes.

mod bitmaps;
mod blocking;
mod chaos;
mod client;
mod client_memory;
mod commands;
mod connection;
mod eviction;
mod group_slices;
mod hashes;
mod hyperloglogs;
mod keys;
mod limits;
mod miss_ratio;
mod newer;
mod process;
mod protocol;
mod pubsub;
mod readme;
mod server;
mod sets;
mod slices;
mod sorted_sets;
mod streams;
mod strings;
mod transactions;
