//! `fourhundred completion`: a script for the shell.

use std::process::ExitCode;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::output;

const EXAMPLES: &str = "\
EXAMPLES
  source <(fourhundred completion bash)
  fourhundred completion zsh > ~/.zfunc/_fourhundred
  fourhundred completion fish > ~/.config/fish/completions/fourhundred.fish

Exit code: 0 printed, 2 the question was wrong.";

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
    output::end_with(&script(arguments.shell), ExitCode::SUCCESS)
}

fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut super::Cli::command(), "fourhundred", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    /// Runs `script` in a shell with the completion script's path as its first argument; `None` where there is no such shell.
    fn loads(shell: Shell, program: &str, script: &str) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("completion");
        std::fs::write(&file, super::script(shell)).unwrap();
        let mut command = Command::new(program);
        let output = command.args(["-c", script, "--"]).arg(&file).stdin(Stdio::null()).output().ok()?;
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
        Some(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    #[test]
    fn the_scripts_load_in_their_shells() {
        let bash = loads(
            Shell::Bash,
            "bash",
            r#"source "$1" && complete -p fourhundred &&
            COMP_WORDS=(fourhundred exp) COMP_CWORD=1 && _fourhundred fourhundred exp fourhundred && echo "${COMPREPLY[@]}""#,
        );
        let bash = bash.expect("bash, which make needs too");
        assert!(bash.contains("-F _fourhundred") && bash.ends_with("explain-number\n"), "{bash}");
        // Checked where they are installed.
        loads(Shell::Zsh, "zsh", r#"zsh -n "$1""#);
        loads(Shell::Fish, "fish", "fish --no-execute $argv[-1]");
    }
}
