//! The command `tapecast`: arguments to commands, errors to sentences and exit codes.

use std::process::ExitCode;

use clap::Parser;
use tapecast::cli::Cli;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tapecast: {error:#}");
            ExitCode::FAILURE
        }
    }
}
