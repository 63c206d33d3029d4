//! The tape that is part of the program, so that it serves something without being given anything.

use crate::feed::lines::Bytes;
use crate::feed::source::Source;

/// Two minutes of invented markets on both venues, made by the generator in [`crate::feed::synthetic`] from seed 1.
///
/// It begins at a whole minute, lasts whole minutes, and its books end as they begin: it plays in a loop without a jump.
pub const DEMO: Source =
    Source::Tape(Bytes::BuiltIn { name: "demo (built in)", bytes: include_bytes!("../../feeds/demo.jsonl.zst") });
