//! Damage is named by block and byte, and does not reach further than its block.

use std::fs;

use tapecast::tape::Reader;

use crate::{done, invented, path, refused, tape};

#[test]
fn verify_names_the_first_damage_and_the_rest_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let (_, whole) = invented(&folder);
    let text = String::from_utf8(done(&["verify", &whole])).unwrap();
    assert!(text.contains("  whole\n") && text.contains("depth events follow"), "{text}");

    let entries = Reader::open(whole.as_ref()).unwrap().index().entries.clone();
    let (block, other) = (entries.len() / 2, entries.len() / 2 + 2);
    let mut bytes = fs::read(&whole).unwrap();
    for block in [block, other] {
        bytes[entries[block].end() as usize - 5] ^= 0x10;
    }
    let broken = path(&folder, "broken.tape");
    fs::write(&broken, &bytes).unwrap();
    let error = refused(&["verify", &broken]);
    let place = format!("block {block} at byte {}: its content is damaged (checksum)", entries[block].offset);
    assert!(error.contains(&format!("the first: {place}")) && error.contains("2 damages"), "{error}");
    let listed = String::from_utf8(tape(&["verify", &broken]).stdout).unwrap();
    assert!(listed.contains(&format!("block {other} at byte {}", entries[other].offset)), "{listed}");

    let output = tape(&["cat", &broken]);
    assert!(output.status.success() && String::from_utf8(output.stderr).unwrap().contains(&place));
    let lost: u32 = [block, other].iter().map(|&block| entries[block].count).sum();
    let lines = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(lines(&output.stdout) + lost as usize, lines(&done(&["cat", &whole])));
}

#[test]
fn a_tape_without_its_end_is_read_and_said_to_be_unfinished() {
    let folder = tempfile::tempdir().unwrap();
    let (_, whole) = invented(&folder);
    let entries = Reader::open(whole.as_ref()).unwrap().index().entries.clone();
    let bytes = fs::read(&whole).unwrap();
    let cut = path(&folder, "cut.tape");
    let (last, end) = (entries.len() - 1, entries[entries.len() - 1].offset);

    // As a process leaves it that is killed between two blocks.
    fs::write(&cut, &bytes[..end as usize]).unwrap();
    let text = String::from_utf8(done(&["verify", &cut])).unwrap();
    assert!(text.contains("not finished") && text.contains(&format!("in {last} blocks")), "{text}");
    let (before, after) = (done(&["info", &whole]), done(&["info", &cut]));
    assert!(String::from_utf8(after).unwrap().contains("made from the blocks' headers"));
    assert!(!String::from_utf8(before).unwrap().contains("made from the blocks' headers"));

    // As it is left by one that is killed within a block.
    fs::write(&cut, &bytes[..end as usize + 500]).unwrap();
    let error = refused(&["verify", &cut]);
    let place = format!("block {last} at byte {end}: the file ends within it, after 500 bytes");
    assert!(error.contains(&place), "{error}");
}

#[test]
fn a_hole_in_update_ids_is_found_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("holes.jsonl");
    let depth = |time: i64, first: i64, last: i64| {
        format!(
            "{time} {{\"e\":\"depthUpdate\",\"E\":1700000000000,\"s\":\"BTCUSDT\",\"U\":{first},\"u\":{last},\"b\":[],\"a\":[[\"1.0\",\"2.0\"]]}}\n"
        )
    };
    let first = 1_700_000_000_000_000_000;
    let text =
        [depth(first, 1, 5), depth(first + 1, 6, 9), depth(first + 2, 12, 13), depth(first + 3, 14, 14)].concat();
    fs::write(&input, text).unwrap();
    let out = path(&folder, "holes.tape");
    done(&["import", input.to_str().unwrap(), "--out", &out]);
    let error = refused(&["verify", &out]);
    let expected =
        "record 3 at 2023-11-14T22:13:20.000000002Z: BTCUSDT: update 9 is followed by an event that follows 11";
    assert!(error.contains("0 damages and 1 holes") && error.contains(expected), "{error}");
}
