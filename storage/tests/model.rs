//! Random operations on a [`Keyspace`] against plain maps with the same clock.

mod model {
    mod concurrent;
    mod single;
}
