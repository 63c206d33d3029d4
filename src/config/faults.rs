//! What is to go wrong: a script that comes with the program, or a file.

use std::sync::Arc;

use crate::config::value::{ConfigError, value};
use crate::feed::fault::{Script, shipped};

/// Reads and checks the script of a name.
///
/// # Errors
/// [`ConfigError::Value`] naming the line that is wrong, or the scripts there are.
pub(super) fn script(name: Option<&str>) -> Result<Option<Arc<Script>>, ConfigError> {
    let Some(name) = name else { return Ok(None) };
    let wrong = |reason: String| value("--faults", reason);
    let read;
    let text = match shipped::text(name) {
        Some(text) => text,
        None if name.ends_with(".toml") => {
            read = std::fs::read_to_string(name).map_err(|error| wrong(format!("cannot read {name}: {error}")))?;
            &read
        }
        None => {
            let names = shipped::SCRIPTS.map(|(name, _)| name).join(", ");
            return Err(wrong(format!("`{name}` is neither a file that ends in .toml nor one of {names}")));
        }
    };
    let script = Script::parse(name, text).map_err(|error| wrong(format!("{name}, {error}")))?;
    Ok(Some(Arc::new(script)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_ones_are_known_by_name_and_files_by_their_ending() {
        assert_eq!(script(None).unwrap(), None);
        assert_eq!(script(Some("24h-cut")).unwrap().unwrap().kinds(), ["lifetime"]);
        let error = |name: &str| script(Some(name)).unwrap_err().to_string();
        assert_eq!(
            error("restart"),
            "--faults: `restart` is neither a file that ends in .toml nor one of exchange-restart, 24h-cut, gap-in-depth, slow-feed, flapping-network"
        );
        assert!(error("/nowhere.toml").starts_with("--faults: cannot read /nowhere.toml: "));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("own.toml");
        std::fs::write(&path, "[[fault]]\nwhat = \"freeze\"\nat = \"1s\"\nfor = \"long\"").unwrap();
        let error = error(path.to_str().unwrap());
        assert!(
            error.ends_with("own.toml, line 4: fault 1: for: `long` is no time: give for instance 250ms, 5s or 2m"),
            "{error}"
        );
    }
}
