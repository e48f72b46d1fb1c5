//! Sorted sets against a plain model.
