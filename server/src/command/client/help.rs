//! `CLIENT HELP`.

use crate::command::{Args, CommandResult, Context};

/// `CLIENT HELP`: what there is.
pub(super) fn help(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    ctx.reply.help("CLIENT", SUBCOMMANDS);
    Ok(())
}

const SUBCOMMANDS: &[(&str, &[&str])] = &[
    (
        "CAPA <capability> [<capability> ...]",
        &[
            "Tell what the client is capable of. Capabilities are:",
            "* REDIRECT",
            "  The client follows redirections outside a cluster.",
        ],
    ),
    ("GETNAME", &["The connection's name."]),
    (
        "GETREDIR",
        &["The client that invalidations are redirected to; -1 without tracking."],
    ),
    ("ID", &["The connection's number."]),
    ("INFO", &["What LIST says of the connection itself."]),
    (
        "KILL <ip:port>",
        &["Close the connection made from <ip:port>."],
    ),
    (
        "KILL <filter> <value> [<filter> <value> [...]]",
        &[
            "Close all connections that match every filter. Filters are:",
            "* ADDR (<ip:port>|<unixsocket>:0)",
            "  The address that the connection was made from.",
            "* ID <client-id>",
            "  The connection's number.",
            "* LADDR (<ip:port>|<unixsocket>:0)",
            "  The address that the connection was made to.",
            "* MAXAGE <seconds>",
            "  Connected for at least so long.",
            "* SKIPME (YES|NO)",
            "  Whether the connection itself is spared (default: yes).",
            "* TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
            "  What kind of client it is.",
            "* USER <username>",
            "  The user it is authenticated as.",
        ],
    ),
    (
        "LIST [TYPE (NORMAL|MASTER|REPLICA|PUBSUB) | ID <client-id> [<client-id> ...]]",
        &["Describe all connections, those of a type, or those with these numbers."],
    ),
    (
        "NO-EVICT (ON|OFF)",
        &["Exempt the connection from being closed to save memory."],
    ),
    (
        "NO-TOUCH (ON|OFF)",
        &["Have the connection's commands leave access times alone."],
    ),
    (
        "PAUSE <milliseconds> [WRITE|ALL]",
        &["Hold back all commands, or those that may write, for so long."],
    ),
    (
        "REPLY (ON|OFF|SKIP)",
        &["Send replies, send none, or leave out the next one."],
    ),
    (
        "SETINFO (LIB-NAME|LIB-VER) <value>",
        &["Tell the name or the version of the client library."],
    ),
    (
        "SETNAME <name>",
        &["Name the connection; an empty name takes the name away."],
    ),
    ("TRACKINGINFO", &["The state of tracking."]),
    (
        "UNBLOCK <client-id> [TIMEOUT|ERROR]",
        &["End the wait of a blocked client as if its time were up, or with an error."],
    ),
    ("UNPAUSE", &["End a pause before its time."]),
];
