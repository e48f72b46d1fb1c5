//! The shape of `HELP` replies.

use crate::output::Output;

impl Output<'_> {
    /// The reply of `container HELP`: what the subcommands take, each with lines that say what it does.
    #[cold]
    pub(crate) fn help(&mut self, container: &str, entries: &[(&str, &[&str])]) {
        let lines = entries
            .iter()
            .map(|(_, about)| 1 + about.len())
            .sum::<usize>();
        self.array(lines + 3);
        self.simple(format!(
            "{container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"
        ));
        for (usage, about) in entries
            .iter()
            .chain(&[("HELP", &["Prints this help."][..])])
        {
            self.simple(usage);
            about
                .iter()
                .for_each(|line| self.simple(format!("    {line}")));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::output::Outbox;
    use protocol::Version;

    #[test]
    fn the_header_counts_all_lines() {
        let mut outbox = Outbox::default();
        outbox.reply(Version::Resp2).help(
            "X",
            &[("A <b>", &["Does a.", "Twice."]), ("C", &["Does c."])],
        );
        let text = String::from_utf8(outbox.bytes).unwrap();
        let mut lines = text.split_terminator("\r\n");
        assert_eq!(lines.next(), Some("*8"));
        assert_eq!(lines.clone().count(), 8);
        assert_eq!(lines.last(), Some("+    Prints this help."));
    }
}
