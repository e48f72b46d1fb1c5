//! What a storage operation can refuse.

/// Why storage refused an operation; the server chooses the reply text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The key holds a value of another type.
    #[error("the key holds a value of another type")]
    WrongType,
    /// The string is not a decimal 64-bit integer in canonical form.
    #[error("not an integer")]
    NotInteger,
    /// The string is not a finite number.
    #[error("not a float")]
    NotFloat,
    /// The result would leave the range of a signed 64-bit integer.
    #[error("increment or decrement would overflow")]
    Overflow,
    /// The result of a floating-point increment would be NaN or infinite.
    #[error("increment would produce NaN or infinity")]
    NotFinite,
    /// The string would grow beyond the permitted length.
    #[error("string exceeds the permitted length")]
    TooLong,
    /// The string is no HyperLogLog.
    #[error("not a HyperLogLog")]
    NotHyperLogLog,
    /// The string begins as a HyperLogLog, but what follows does not make sense.
    #[error("corrupt HyperLogLog")]
    CorruptHyperLogLog,
}
