//! What commands say on standard output: lines that nobody need read to the end.

use std::fmt;
use std::io::Write as _;

/// Says a line, as `println!` does; but whoever has seen enough, `head` for instance, ends nothing by that.
macro_rules! say {
    ($($text:tt)*) => { $crate::cli::say::line(format_args!($($text)*)) };
}

pub(in crate::cli) use say;

/// Says a line.
pub(in crate::cli) fn line(text: fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}
