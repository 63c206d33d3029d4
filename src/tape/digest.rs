//! The chain of digests: each stands for its block and for everything before.

use std::fmt;

use ring::digest::{Context, SHA256};

/// A SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Digest(pub [u8; Digest::BYTES]);

impl Digest {
    /// Its length.
    pub const BYTES: usize = 32;

    /// The digest of a file's header, with which its chain begins.
    pub fn of_header(header: &[u8]) -> Digest {
        Digest::of(&[header])
    }

    /// The digest of a block from the one before.
    pub fn next(self, head: &[u8], tally: &[u8], content: &[u8]) -> Digest {
        Digest::of(&[&self.0, head, tally, content])
    }

    fn of(parts: &[&[u8]]) -> Digest {
        let mut context = Context::new(&SHA256);
        parts.iter().for_each(|part| context.update(part));
        Digest(context.finish().as_ref().try_into().expect("a SHA-256 has 32 bytes"))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
