//! Tapes in blocks, from outside: what goes in comes out, what is damaged is named, and what is recorded is played.

#[path = "../support/mod.rs"]
mod support;

mod commands;
mod crashes;
mod damage;
mod played;
mod recorded;
mod series;
mod tables;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// Runs `tapecast tape` with these arguments.
fn tape(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tapecast"))
        .arg("tape")
        .args(arguments)
        .output()
        .expect("the binary under test starts")
}

/// Runs it and expects it to succeed; what it prints.
fn done(arguments: &[&str]) -> Vec<u8> {
    let output = tape(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Runs it and expects it to fail; what it says.
fn refused(arguments: &[&str]) -> String {
    let output = tape(arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).expect("UTF-8")
}

/// A path in a folder, as an argument.
fn path(folder: &TempDir, name: &str) -> String {
    folder.path().join(name).to_str().expect("UTF-8").to_owned()
}

/// Imports a file with small blocks; where the tape is.
fn import(folder: &TempDir, input: &Path) -> String {
    let name = input.file_name().unwrap().to_str().unwrap();
    let out = path(folder, &format!("{name}.tape"));
    done(&["import", input.to_str().unwrap(), "--out", &out, "--block", "16", "--level", "1"]);
    out
}

/// A tape of invented markets: its lines, and the .tape made of them.
fn invented(folder: &TempDir) -> (PathBuf, String) {
    let lines = folder.path().join("invented.jsonl");
    done(&["synth", "--seed", "3", "--minutes", "1", "--out", lines.to_str().unwrap()]);
    let tape = import(folder, &lines);
    (lines, tape)
}
