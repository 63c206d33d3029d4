//! Style is a test: the direction of imports, files of one idea, docs at their heads, no leftovers.

use std::fs;
use std::path::{Path, PathBuf};

/// Modules in the order of the data's way: each imports only from those before it.
const ORDER: [(&str, &[&str]); 16] = [
    ("market", &[]),
    ("ring", &[]),
    ("protocol", &[]),
    ("tape", &[]),
    ("dial", &[]),
    ("venue", &["market"]),
    ("feed", &["dial", "market", "tape", "venue"]),
    ("metrics", &["feed", "market", "venue"]),
    ("ingest", &["feed", "market", "metrics", "ring", "venue"]),
    ("fanout", &["market", "metrics", "protocol", "ring", "venue"]),
    ("session", &["fanout", "market", "protocol", "venue"]),
    ("config", &["fanout", "feed", "ingest", "market", "protocol", "ring", "session", "tape", "venue"]),
    (
        "server",
        &["config", "fanout", "feed", "ingest", "market", "metrics", "protocol", "ring", "session", "tape", "venue"],
    ),
    ("client", &["dial"]),
    ("bench", &["feed", "protocol"]),
    ("cli", &["bench", "client", "config", "feed", "market", "server", "tape", "venue"]),
];

/// Longest file, tests included; past it there is a second idea in it.
const LINES_MAX: usize = 500;

/// Formatting holds code to 120; what is left to people, comments and macros, may be a little wider.
const COLUMNS_MAX: usize = 130;

fn rust_files(folder: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder can be read") {
            let path = entry.expect("an entry").path();
            if path.is_dir() && path.file_name().is_none_or(|name| name != "node_modules" && name != ".venv") {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                files.push(path);
            }
        }
    }
    assert!(!files.is_empty(), "{folder} has no Rust files");
    files
}

fn name_of(path: &Path) -> String {
    path.strip_prefix(env!("CARGO_MANIFEST_DIR")).expect("inside the project").to_string_lossy().into_owned()
}

#[test]
fn imports_point_from_later_stages_to_earlier_ones() {
    for path in rust_files("src") {
        let name = name_of(&path);
        let module = name.split(['/', '.']).nth(1).expect("a module");
        if module == "lib" || module == "main" {
            continue;
        }
        let (_, allowed) = ORDER.iter().find(|(known, _)| *known == module).unwrap_or_else(|| {
            panic!(
                "{name}: the module `{module}` has no place in the order; give it one in tests/tidy.rs and src/lib.rs"
            )
        });
        let text = fs::read_to_string(&path).expect("UTF-8");
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            for (_, rest) in line.match_indices("crate::").map(|(at, found)| (at, &line[at + found.len()..])) {
                let imported = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("");
                assert!(
                    imported == module || allowed.contains(&imported) || imported.is_empty(),
                    "{name}:{}: `{module}` must not import `{imported}`: that is a later stage. Move the shared part to \
                     the earlier one, or pass it in.",
                    number + 1
                );
            }
        }
    }
}

#[test]
fn files_say_what_they_are_and_hold_one_idea() {
    for path in rust_files("src").into_iter().chain(rust_files("tests")).chain(rust_files("benches")) {
        let (name, text) = (name_of(&path), fs::read_to_string(&path).expect("UTF-8"));
        assert!(text.starts_with("//! "), "{name}: begins without saying what it is (`//! …`)");
        let lines = text.lines().count();
        assert!(lines <= LINES_MAX, "{name}: {lines} lines; look for the second idea and give it a file");
        for word in ["utils", "helpers", "common"] {
            assert!(!name.contains(&format!("/{word}")), "{name}: name it after what it holds");
        }
        for (number, line) in text.lines().enumerate() {
            let place = format!("{name}:{}", number + 1);
            // What stands in quotes cannot always be broken.
            let is_long = line.chars().count() > COLUMNS_MAX && !line.contains('"');
            assert!(!is_long, "{place}: longer than {COLUMNS_MAX} columns; break it");
            for marker in [
                concat!("TO", "DO"),
                concat!("FIX", "ME"),
                concat!("XX", "X:"),
                concat!("todo", "!("),
                concat!("dbg", "!("),
            ] {
                assert!(!line.contains(marker), "{place}: `{marker}` is left over; do it or write down why not");
            }
        }
    }
}

#[test]
fn no_price_or_size_passes_through_a_float() {
    for folder in ["src/market", "src/venue", "src/fanout"] {
        for path in rust_files(folder) {
            let (name, text) = (name_of(&path), fs::read_to_string(&path).expect("UTF-8"));
            for (number, line) in text.lines().enumerate() {
                let words = line.split(|c: char| !c.is_alphanumeric());
                for word in words {
                    assert!(word != "f32" && word != "f64", "{name}:{}: a float; use Decimal", number + 1);
                }
            }
        }
    }
}

#[test]
fn unsafe_code_lies_in_the_ring_alone() {
    for path in rust_files("src") {
        let (name, text) = (name_of(&path), fs::read_to_string(&path).expect("UTF-8"));
        let is_unsafe = text.lines().any(|line| !line.trim_start().starts_with("//") && line.contains("unsafe {"));
        assert!(!is_unsafe || name.starts_with("src/ring/"), "{name}: unsafe code; find a library that has it");
    }
}
