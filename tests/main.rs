//! Integration tests: the built server, real clients, real bytes.

mod chaos;
mod commands;
mod limits;
mod process;
mod protocol;
