//! What big collections keep in the leaves of a [`crate::tree::Tree`].

pub mod fields;
mod length;
pub mod list;
pub mod ranked;
mod records;
mod room;
