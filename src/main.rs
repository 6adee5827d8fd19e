//! The command line: parse, dispatch, exit code. Everything else is in the library.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// A plan of many numbers is read all over, a little for each call: it lies in few large pages of memory where the system
/// has some, whose places a processor can remember.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    fourhundred::commands::main()
}
