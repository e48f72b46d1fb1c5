//! The form of the text: titles, `name:value` lines, sizes for people.

use std::fmt::{Display, Write};

/// The text as far as it is written.
#[derive(Debug, Default)]
pub(super) struct Text(String);

impl Text {
    /// Begins a section; an empty line parts it from the one before.
    pub(super) fn title(&mut self, title: &str) {
        let gap = if self.0.is_empty() { "" } else { "\r\n" };
        // Writing to a string cannot fail, here and below.
        let _ = write!(self.0, "{gap}# {title}\r\n");
    }

    /// One field.
    pub(super) fn field(&mut self, name: impl Display, value: impl Display) {
        let _ = write!(self.0, "{name}:{value}\r\n");
    }

    /// Several fields of one type.
    pub(super) fn fields<V: Display>(
        &mut self,
        fields: impl IntoIterator<Item = (&'static str, V)>,
    ) {
        fields
            .into_iter()
            .for_each(|(name, value)| self.field(name, value));
    }

    /// A size in bytes, and the same for people under the name with `_human`.
    pub(super) fn size(&mut self, name: &str, bytes: u64) {
        self.field(name, bytes);
        self.field(format_args!("{name}_human"), human(bytes));
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }
}

/// A size with a unit: `1.50M`.
fn human(bytes: u64) -> String {
    const UNITS: [char; 5] = ['K', 'M', 'G', 'T', 'P'];
    if bytes < 1024 {
        return format!("{bytes}B");
    }
    let power = (bytes.ilog2() / 10).min(UNITS.len() as u32);
    let scaled = bytes as f64 / f64::from(power * 10).exp2();
    format!("{scaled:.2}{}", UNITS[power as usize - 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_in_the_reference() {
        let cases = [
            (0, "0B"),
            (1023, "1023B"),
            (1024, "1.00K"),
            (941_184, "919.12K"),
            (25_276_502_016, "23.54G"),
            (u64::MAX, "16384.00P"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(human(bytes), expected);
        }
    }

    #[test]
    fn sections_are_parted_by_an_empty_line() {
        let mut text = Text::default();
        text.title("A");
        text.field("x", 1);
        text.title("B");
        assert_eq!(text.into_string(), "# A\r\nx:1\r\n\r\n# B\r\n");
    }
}
