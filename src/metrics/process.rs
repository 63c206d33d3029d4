//! What the process has, as the system tells.

use std::fs;

use crate::metrics::count::Reading;
use crate::metrics::table::{Entry, GAUGE, Shape};

/// Memory and open files; each is left out where the system does not tell. Costs two looks into `/proc`, whatever is
/// open.
pub(super) fn list() -> Vec<Entry> {
    let number = |field, sentence, shape, value| Entry { field, sentence, shape, reading: Reading::Number(value) };
    let resident = resident_bytes().map(|bytes| {
        let shape = GAUGE.bytes("process_resident_memory");
        number("resident_bytes", "Memory that the process has resident.", shape, bytes)
    });
    let open = open_files().map(|count| {
        let shape = Shape { name: Some("process_open_fds"), ..GAUGE };
        number("open_fds", "File descriptors that the process has open, sockets above all.", shape, count)
    });
    resident.into_iter().chain(open).collect()
}

fn resident_bytes() -> Option<u64> {
    let pages: u64 = fs::read_to_string("/proc/self/statm").ok()?.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// Linux tells it as the folder's size from 6.2 on, and 0 before. To read the folder instead would take long where
/// many connections are open.
fn open_files() -> Option<u64> {
    fs::metadata("/proc/self/fd").ok().map(|folder| folder.len()).filter(|&count| count > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_opened_is_counted() {
        let Some(before) = open_files() else { return };
        let files: Vec<_> = (0..100).map(|_| fs::File::open("/proc/self/statm").unwrap()).collect();
        // Other tests open and close some meanwhile.
        assert!(open_files().unwrap() >= before + 50, "{before} before");
        drop(files);
        assert!(resident_bytes().unwrap() > 1 << 20);
    }
}
