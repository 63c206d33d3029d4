//! Every recording there is: imported and exported again it is what it was, byte for byte, and whole.

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::recordings;
use crate::{done, import, path, tape};

fn text(path: &Path) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap();
    if path.extension().unwrap() == "zst" { zstd::decode_all(&bytes[..]).unwrap() } else { bytes }
}

/// Imports, exports, verifies.
fn check(input: &Path) {
    let name = input.file_name().unwrap().to_str().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let imported = import(&folder, input);
    let exported = path(&folder, if name.contains(".csv") { "out.csv" } else { "out.jsonl.zst" });
    done(&["export", &imported, "--out", &exported, "--level", "1"]);
    assert!(text(Path::new(&exported)) == text(input), "{name}: exported bytes differ");
    let verified = tape(&["verify", &imported]);
    let (out, err) = (String::from_utf8(verified.stdout).unwrap(), String::from_utf8(verified.stderr).unwrap());
    assert!(verified.status.success(), "{name}: {out}{err}");
}

#[test]
fn every_recording_is_exported_as_it_was_imported_and_is_whole() {
    let Some(folder) = recordings() else { return };
    let inputs = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_read = |input: &PathBuf| {
        let name = input.file_name().unwrap().to_str().unwrap();
        let stem = name.strip_suffix(".zst").unwrap_or(name);
        stem.ends_with(".jsonl") || stem.ends_with(".csv")
    };
    let inputs: Vec<PathBuf> = inputs.filter(is_read).collect();
    assert!(inputs.len() >= 18, "{inputs:?}");
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, NonZero::get) {
            scope.spawn(|| {
                while let Some(input) = inputs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    check(input);
                }
            });
        }
    });
}

#[test]
fn ten_thousand_rows_of_levels_are_the_messages_they_came_from() {
    let Some(folder) = recordings() else { return };
    let temporary = tempfile::tempdir().unwrap();
    let tape = import(&temporary, &folder.join("binance-spot-20250304-trx-depth.csv.zst"));
    let lines = String::from_utf8(done(&["cat", &tape])).unwrap();
    let levels = |line: &str| -> usize {
        let message: serde_json::Value = serde_json::from_str(line.split_once(' ').unwrap().1).unwrap();
        ["b", "a"].iter().map(|side| message["data"][*side].as_array().unwrap().len()).sum()
    };
    assert_eq!((lines.lines().count(), lines.lines().map(levels).sum::<usize>()), (2_833, 10_000));
    let verified = String::from_utf8(done(&["verify", &tape])).unwrap();
    assert!(verified.contains("2832 depth events follow the one before"), "{verified}");
}
