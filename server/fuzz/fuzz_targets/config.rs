//! Any bytes as a configuration file.
//!
//! Claims: loading never panics, and what `CONFIG GET` shows of a configuration that was accepted
//! is accepted again and shows the same. Run, from `server/`:
//!
//! ```sh
//! cargo +nightly fuzz run config -- -dict=fuzz/config.dict -max_len=1024 -max_total_time=60
//! ```
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use server::config::{Loaded, Sources, get, load};

type Settings = Vec<(Vec<u8>, Vec<u8>)>;

static DEFAULTS: LazyLock<Settings> =
    LazyLock::new(|| settings(&load_text(b"").expect("no line is wrong")));

fuzz_target!(|data: &[u8]| {
    // A fuzzer that reads files may come across a device that never ends.
    let text = data.to_ascii_lowercase();
    if text.windows(7).any(|word| word == b"include") {
        return;
    }
    if let Some(loaded) = load_text(data) {
        let settings = settings(&loaded);
        let again = load_text(&lines(&settings)).expect("settings are accepted");
        assert_eq!(self::settings(&again), settings);
    }
});

fn load_text(text: &[u8]) -> Option<Loaded> {
    let sources = Sources {
        stdin: true,
        ..Sources::default()
    };
    load(&sources, [], text).ok()
}

fn settings(loaded: &Loaded) -> Settings {
    get(&loaded.config, &[b"*"])
}

/// A configuration file of these settings, less those that stand at their defaults.
fn lines(settings: &Settings) -> Vec<u8> {
    let mut text = String::new();
    for (setting, default) in settings.iter().zip(&*DEFAULTS) {
        let (name, value) = setting;
        // The default of `shards` depends on `threads`.
        if setting == default && name != b"shards" {
            continue;
        }
        let name = str::from_utf8(name).expect("the table's names are ASCII");
        let quoted: String = value.iter().map(|byte| format!("\\x{byte:02x}")).collect();
        text += &format!("{name} \"{quoted}\"\n");
    }
    text.into_bytes()
}
