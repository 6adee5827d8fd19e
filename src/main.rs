//! The command line: parse, dispatch, exit code. Everything else is in the library.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    fourhundred::commands::main()
}
