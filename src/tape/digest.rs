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
        let mut digester = Digester::default();
        parts.iter().for_each(|part| digester.update(part));
        digester.finish()
    }
}

/// Takes bytes in, piece by piece, and comes to their digest.
#[derive(Clone)]
pub struct Digester(Context);

impl Default for Digester {
    fn default() -> Digester {
        Digester(Context::new(&SHA256))
    }
}

impl Digester {
    /// The next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all of them.
    pub fn finish(self) -> Digest {
        Digest(self.0.finish().as_ref().try_into().expect("a SHA-256 has 32 bytes"))
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
