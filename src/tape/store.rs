//! Where a tape is written: a file, or memory in tests.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, Write};

/// Bytes that can be read, written, cut and made safe.
pub trait Store: Read + Write + Seek {
    /// Cuts everything behind the first `length` bytes off.
    ///
    /// # Errors
    /// What the system says.
    fn truncate(&mut self, length: u64) -> io::Result<()>;

    /// Returns when everything written would survive a power failure.
    ///
    /// # Errors
    /// What the system says.
    fn sync(&mut self) -> io::Result<()>;
}

impl Store for File {
    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

impl Store for Cursor<Vec<u8>> {
    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.get_mut().truncate(length as usize);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}
