//! Integration tests: the built server, real clients, real bytes.

mod commands;
