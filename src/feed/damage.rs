//! What can be wrong with a tape that is played.

/// What can be wrong with a line, or a block, before anybody looks at its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// It does not begin with a receive time and a space, or nothing follows them.
    NoTimestamp,
    /// Its receive time is before that of the line before.
    TimestampBack,
    /// It is longer than [`LINE_BYTES_MAX`](crate::feed::lines::LINE_BYTES_MAX).
    TooLong,
    /// The file ends in the middle of its compressed data, or that data is damaged; nothing after it can be read.
    Unreadable,
    /// A block of a tape in blocks is damaged or missing; the blocks behind it are read.
    Block,
}

impl Damage {
    /// How many kinds there are.
    pub const COUNT: usize = 5;

    /// Short names for counters, in the order of the variants.
    pub const LABELS: [&'static str; Self::COUNT] =
        ["no_timestamp", "timestamp_back", "too_long", "unreadable", "block"];

    /// What people are told.
    pub fn sentence(self) -> &'static str {
        match self {
            Damage::NoTimestamp => "has no receive time before its message",
            Damage::TimestampBack => "was received before the line in front of it",
            Damage::TooLong => "is too long",
            Damage::Unreadable => "cannot be read: the file is cut or its compression is damaged; the tape ends here",
            Damage::Block => "is where a block is damaged or missing; what it held is left out",
        }
    }
}
