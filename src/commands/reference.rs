//! The reference of the command line, printed from the commands' own help; a test holds `docs/cli.md` to it.

use std::fmt::Write as _;

use clap::{Command, CommandFactory as _};

use super::Cli;

/// Columns of the help text.
const WIDTH: usize = 120;

/// `docs/cli.md`.
fn manual() -> String {
    let mut text = String::from(
        "# The command line\n\n\
         <!-- Printed from src/commands; `UPDATE_GOLDEN=1 cargo test --lib commands` writes it again. -->\n",
    );
    let mut root = without_values(Cli::command().term_width(WIDTH));
    root.build();
    describe(&root, "", &mut text);
    text
}

/// Help shows what the environment holds at the moment; a reference must not.
fn without_values(command: Command) -> Command {
    command.mut_args(|argument| argument.hide_env_values(true)).mut_subcommands(without_values)
}

fn describe(command: &Command, parents: &str, text: &mut String) {
    let name = format!("{parents}{}", command.get_name());
    let help = command.clone().render_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    let _ = write!(text, "\n## `{name}`\n\n```text\n{}\n```\n", lines.join("\n"));
    for below in command.get_subcommands().filter(|below| below.get_name() != "help" && !below.is_hide_set()) {
        describe(below, &format!("{name} "), text);
    }
}

#[test]
fn the_reference_is_that_of_this_build() {
    crate::offline::tests::golden(&crate::offline::tests::root().join("docs/cli.md"), &manual());
}

#[test]
fn every_command_has_examples_and_every_flag_a_sentence() {
    fn look(command: &Command, wrong: &mut Vec<String>) {
        let name = command.get_name().to_owned();
        let is_leaf = !command.has_subcommands();
        let examples = command.get_after_help().is_some_and(|help| help.to_string().contains("EXAMPLES"));
        if is_leaf && name != "help" && !examples {
            wrong.push(format!("{name} has no examples"));
        }
        for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
            if argument.get_help().is_none() {
                wrong.push(format!("{name}: {} has no help", argument.get_id()));
            }
        }
        command.get_subcommands().filter(|below| !below.is_hide_set()).for_each(|below| look(below, wrong));
    }
    let mut wrong = Vec::new();
    look(&Cli::command(), &mut wrong);
    assert_eq!(wrong, Vec::<String>::new());
    Cli::command().debug_assert();
}
