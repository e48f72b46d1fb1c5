//! Integers and doubles against the standard library.
//!
//! Claims: what `parse_i64` reads is what prints as the same text; what `DoubleText` writes reads
//! back as the same double. Run, from `protocol/`:
//!
//! ```sh
//! cargo +nightly fuzz run number -- -max_len=24 -max_total_time=60
//! ```
#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::{DoubleText, parse_i64};

fuzz_target!(|data: &[u8]| {
    let canonical = std::str::from_utf8(data)
        .ok()
        .and_then(|text| text.parse::<i64>().ok())
        .filter(|value| value.to_string().as_bytes() == data);
    assert_eq!(parse_i64(data), canonical);

    if let Some(bytes) = data.first_chunk() {
        check_double(f64::from_le_bytes(*bytes));
    }
});

fn check_double(value: f64) {
    let text = DoubleText::new(value);
    let text = std::str::from_utf8(text.as_bytes()).unwrap();
    let back: f64 = text.parse().unwrap();
    assert!(
        back.to_bits() == value.to_bits() || back.is_nan() && value.is_nan(),
        "{text}"
    );
}
