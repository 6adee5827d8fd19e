//! `fourhundred completion`: a script for the shell.

use std::process::ExitCode;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

const EXAMPLES: &str = "\
EXAMPLES
  source <(fourhundred completion bash)
  fourhundred completion zsh > ~/.zfunc/_fourhundred
  fourhundred completion fish > ~/.config/fish/completions/fourhundred.fish";

/// Arguments of `completion`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The shell to complete for
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Prints the script.
pub fn run(arguments: &Arguments) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut super::Cli::command(), "fourhundred", &mut script);
    match std::io::Write::write_all(&mut std::io::stdout(), &script) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => super::fail(&error),
    }
}
