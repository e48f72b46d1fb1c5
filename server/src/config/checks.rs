//! What text settings must look like, beyond being text.

use super::error::Reason;

/// Accepts any text.
pub(super) fn any_text(_: &str) -> Result<(), Reason> {
    Ok(())
}

/// A check for a file name without a directory, which `$what` names in the reason.
macro_rules! base_name {
    ($name:ident, $option:literal, $what:literal, $may_be_empty:literal) => {
        pub(super) fn $name(text: &str) -> Result<(), Reason> {
            if text.is_empty() && !$may_be_empty {
                return Err(concat!($option, " can't be empty").into());
            }
            if text.contains('/') {
                return Err(concat!($option, " can't be a path, just a ", $what).into());
            }
            Ok(())
        }
    };
}
base_name!(rdb_name, "dbfilename", "filename", true);
base_name!(aof_name, "appendfilename", "filename", false);
base_name!(aof_dir_name, "appenddirname", "dirname", false);

/// A host name that other nodes announce.
pub(super) fn host_name(text: &str) -> Result<(), Reason> {
    if text.len() >= 256 {
        return Err("Hostnames must be less than 256 characters".into());
    }
    if !text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.')
    {
        return Err("Hostnames may only contain alphanumeric characters, hyphens or dots".into());
    }
    Ok(())
}

/// A process title whose `{variables}` are known and which is more than the bare title: Redis tries it with an empty
/// one and wants text to be left.
pub(super) fn title_template(text: &str) -> Result<(), Reason> {
    const VARIABLES: [&str; 7] = [
        "title",
        "listen-addr",
        "server-mode",
        "port",
        "tls-port",
        "unixsocket",
        "config-file",
    ];
    let known = |part: &str| {
        part.split_once('}')
            .is_some_and(|(name, _)| VARIABLES.contains(&name))
    };
    let is_more = !text.replace("{title}", "").is_empty();
    if is_more && text.split('{').skip(1).all(known) {
        Ok(())
    } else {
        Err("template format is invalid or contains unknown variables".into())
    }
}
