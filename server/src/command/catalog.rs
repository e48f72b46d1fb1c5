//! `COMMAND`: what commands there are, and how they want to be called.

mod filter;
mod info;

use super::Arity::{AtLeast, Exactly};
use super::KeySpec::NoKeys;
use super::keys::KeyAccess;
use super::names::CommandNames;
use super::table::{Lookup, Registered};
use super::{Args, Command, CommandError, CommandResult, Context, Flags, docs};
use crate::output::Output;

use filter::Filter;

const FLAGS: Flags = Flags::LOADING.and(Flags::STALE);

pub(super) const COMMAND: Command =
    Command::new("COMMAND", AtLeast(1), NoKeys, FLAGS, all).with_subcommands(SUBCOMMANDS);

const SUBCOMMANDS: &[Command] = &[
    Command::new("COUNT", Exactly(2), NoKeys, FLAGS, count),
    Command::new("DOCS", AtLeast(2), NoKeys, FLAGS, describe),
    Command::new("GETKEYS", AtLeast(3), NoKeys, FLAGS, keys),
    Command::new("GETKEYSANDFLAGS", AtLeast(3), NoKeys, FLAGS, keys_and_flags),
    Command::new("HELP", Exactly(2), NoKeys, FLAGS, help),
    Command::new("INFO", AtLeast(2), NoKeys, FLAGS, inform),
    Command::new("LIST", AtLeast(2), NoKeys, FLAGS, list),
];

/// `COMMAND`: the rows of all commands.
fn all(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    let commands = ctx.server.command_names.commands();
    ctx.reply.array(commands.len());
    commands
        .into_iter()
        .for_each(|command| info::write(command, &mut ctx.reply));
    Ok(())
}

/// `COMMAND COUNT`.
fn count(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    let commands = ctx.server.command_names.commands();
    ctx.reply.integer(commands.len() as i64);
    Ok(())
}

/// `COMMAND INFO [name …]`: the rows of these commands, null for an unknown one.
fn inform(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    if args.len() == 2 {
        return all(ctx, args);
    }
    ctx.reply.array(args.len() - 2);
    for name in args.from(2) {
        match ctx.server.command_names.find_full(name) {
            Some(command) => info::write(command, &mut ctx.reply),
            None => ctx.reply.null(),
        }
    }
    Ok(())
}

/// `COMMAND DOCS [name …]`: unknown names are left out.
fn describe(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let names = &ctx.server.command_names;
    let asked = match args.len() {
        2 => names.commands(),
        _ => args
            .from(2)
            .filter_map(|name| names.find_full(name))
            .collect(),
    };
    ctx.reply.map(asked.len());
    asked
        .into_iter()
        .for_each(|command| docs::write(command, &mut ctx.reply));
    Ok(())
}

/// `COMMAND LIST [FILTERBY MODULE name | ACLCAT category | PATTERN pattern]`.
fn list(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let filter = Filter::parse(args)?;
    let mut names = Vec::new();
    for command in ctx.server.command_names.commands() {
        collect(command, &filter, &mut names);
    }
    ctx.reply.array(names.len());
    names
        .into_iter()
        .for_each(|name| ctx.reply.bulk(name.as_bytes()));
    Ok(())
}

fn collect(command: &'static Registered, filter: &Filter<'_>, names: &mut Vec<&'static str>) {
    if filter.admits(command) {
        names.push(&command.full_name);
    }
    command
        .subcommands
        .iter()
        .for_each(|subcommand| collect(subcommand, filter, names));
}

/// `COMMAND GETKEYS command …`.
fn keys(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let found = find_keys(&ctx.server.command_names, args)?;
    ctx.reply.array(found.len());
    found.into_iter().for_each(|(key, _)| ctx.reply.bulk(key));
    Ok(())
}

/// `COMMAND GETKEYSANDFLAGS command …`.
fn keys_and_flags(ctx: &mut Context<'_, '_>, args: Args<'_>) -> CommandResult {
    let found = find_keys(&ctx.server.command_names, args)?;
    ctx.reply.array(found.len());
    for (key, access) in found {
        ctx.reply.array(2);
        ctx.reply.bulk(key);
        write_words(&mut ctx.reply, access.0);
    }
    Ok(())
}

/// The keys of the command line that follows the subcommand, and how each is used.
fn find_keys<'a>(
    names: &CommandNames,
    args: Args<'a>,
) -> Result<Vec<(&'a [u8], KeyAccess)>, CommandError> {
    let inner = args.tail(2);
    let command = match names.lookup(inner) {
        Lookup::Known(command) => command,
        Lookup::Unknown | Lookup::UnknownSubcommand(_) => {
            return Err(CommandError::Line("ERR Invalid command specified"));
        }
    };
    if !info::has_keys(command) {
        return Err(CommandError::Line("ERR The command has no key arguments"));
    }
    if !command.row.arity.admits(inner.len()) {
        return Err(CommandError::Line(
            "ERR Invalid number of arguments specified for command",
        ));
    }
    let found = info::keys_of(command, inner);
    let is_met = command.row.keys.is_met(inner) && !found.is_empty();
    if !is_met && !command.row.flags.has(Flags::NO_MANDATORY_KEYS) {
        return Err(CommandError::Line(
            "ERR Invalid arguments specified for command",
        ));
    }
    Ok(found)
}

/// A set of words as status replies.
fn write_words(reply: &mut Output<'_>, words: &[&str]) {
    reply.set(words.len());
    words.iter().for_each(|word| reply.simple(word));
}

/// `COMMAND HELP`.
fn help(ctx: &mut Context<'_, '_>, _args: Args<'_>) -> CommandResult {
    ctx.reply.help(
        "COMMAND",
        &[
            ("(no subcommand)", &["Describe all commands."]),
            ("COUNT", &["Count the commands of this server."]),
            (
                "LIST [FILTERBY (MODULE <module-name>|ACLCAT <category>|PATTERN <pattern>)]",
                &["List the names of commands, all or those that the filter admits."],
            ),
            (
                "INFO [<command-name> ...]",
                &["Describe commands; without a name, all of them."],
            ),
            (
                "DOCS [<command-name> ...]",
                &["Return the documentation of commands; without a name, of all."],
            ),
            (
                "GETKEYS <full-command>",
                &["Name the keys of a command line."],
            ),
            (
                "GETKEYSANDFLAGS <full-command>",
                &["Name the keys of a command line and how each is used."],
            ),
        ],
    );
    Ok(())
}
