//! The daemon `nuthatch`.
fn main() {}
