//! A script: text in TOML, read once and checked whole.

use std::ops::Range;

use serde::Deserialize;
use thiserror::Error;
use toml::Spanned;

use crate::feed::fault::raw::RawFault;
use crate::feed::fault::{Fault, What};

/// Most faults of one script. Worst case in memory: some 200 bytes each.
pub const FAULTS_MAX: usize = 256;

/// What is to go wrong beside a tape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// What it is called: the name of a shipped one, or its file.
    pub name: String,
    /// What chance follows from.
    pub seed: u64,
    /// In the order of the text.
    pub faults: Vec<Fault>,
}

/// Why a script cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("line {line}: {reason}")]
pub struct ScriptError {
    /// Where, from 1.
    pub line: usize,
    /// What is wrong, with the fault's number and the member's name.
    pub reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScript {
    #[serde(default)]
    seed: u64,
    #[serde(default)]
    fault: Vec<Spanned<RawFault>>,
}

impl Script {
    /// Reads a text. `name` is what logs and reports call it.
    ///
    /// # Errors
    /// [`ScriptError`] for the first thing that is wrong.
    pub fn parse(name: &str, text: &str) -> Result<Script, ScriptError> {
        let line_of = |span: Option<Range<usize>>| span.map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        let raw: RawScript = toml::from_str(text)
            .map_err(|error| ScriptError { line: line_of(error.span()), reason: error.message().to_owned() })?;
        if raw.fault.is_empty() {
            let reason = "there is no table [[fault]]: nothing would go wrong".to_owned();
            return Err(ScriptError { line: 1, reason });
        }
        if let Some(first) = raw.fault.get(FAULTS_MAX) {
            let reason = format!("more than {FAULTS_MAX} faults");
            return Err(ScriptError { line: line_of(Some(first.span())), reason });
        }
        let mut faults = Vec::with_capacity(raw.fault.len());
        for (number, fault) in raw.fault.into_iter().enumerate() {
            let whole = fault.span();
            let fault = fault.into_inner().check().map_err(|(span, reason)| ScriptError {
                line: line_of(Some(span.unwrap_or(whole))),
                reason: format!("fault {}: {reason}", number + 1),
            })?;
            faults.push(fault);
        }
        Ok(Script { name: name.to_owned(), seed: raw.seed, faults })
    }

    /// What its faults are called, each name once, in their order.
    pub fn kinds(&self) -> Vec<&'static str> {
        let mut kinds: Vec<&str> = Vec::new();
        for name in self.faults.iter().map(|fault| fault.what.name()) {
            if !kinds.contains(&name) {
                kinds.push(name);
            }
        }
        kinds
    }

    /// Whether some message is to be corrupted, so that it must be known where messages begin.
    pub fn corrupts(&self) -> bool {
        self.faults.iter().any(|fault| matches!(fault.what, What::Corrupt { .. }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::fault::parts::{Cut, Moment, Share, When};
    use proptest::prelude::*;

    fn error(text: &str) -> String {
        Script::parse("test", text).unwrap_err().to_string()
    }

    #[test]
    fn every_kind_is_read_with_all_its_members() {
        let text = r#"
            seed = 7
            fault = [
              { what = "skip", at = "10s", every = "30s to 60s", stream = "btcusdt@depth@100ms", count = 2 },
              { what = "repeat", at = "09:30:00", stream = "upbit:trade:KRW-BTC" },
              { what = "reorder", at = "2026-11-20T09:30:00Z", stream = "*@trade" },
              { what = "thin", at = "1s", keep = "30%", for = "10s" },
              { what = "delay", at = "1s", stream = "*@trade", by = "1s to 3s" },
              { what = "delay", after = "1s", by = "50ms to 300ms", for = "1m", whom = "20% of sse" },
              { what = "drop", after = "5s to 15s", every = "10s", close = 1006, times = 3 },
              { what = "drop", after = "5s", close = "reset" },
              { what = "freeze", at = "1s", for = "5s", whom = "upbit" },
              { what = "half-open", at = "1s" },
              { what = "shutdown", at = "1s", notice = "2s", down = "5s" },
              { what = "lifetime", after = "24h" },
              { what = "withhold-pongs", after = "0s", for = "1h" },
              { what = "corrupt", at = "1s", part = "utf8", count = 3 },
              { what = "refuse", every = "1m", for = "5s", whom = "50%" },
              { what = "rate-limit", at = "1s", ban = true, whom = "binance" },
            ]
        "#;
        let script = Script::parse("test", text).unwrap();
        assert_eq!((script.seed, script.faults.len(), script.kinds()), (7, 16, What::NAMES.to_vec()));
        assert_eq!(script.faults[6].what, What::Drop(Cut::Silent));
        assert_eq!(script.faults[6].times, Some(3));
        assert!(matches!(script.faults[3].what, What::Thin { stream: None, keep: Share(300), .. }));
        assert!(matches!(script.faults[14].when, When::Tape { first: Moment::Elapsed(_), every: Some(_) }));
        assert!(script.corrupts());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_and_what_would_be_right() {
        for (text, reason) in [
            ("", "line 1: there is no table [[fault]]"),
            (
                "seed = 1\n[[fault]]\nwhat = \"explode\"\nat = \"1s\"",
                "line 3: fault 1: what: `explode` is no fault; there are skip",
            ),
            ("[[fault]]\nwhat = \"drop\"", "line 2: fault 1: needs `at`"),
            ("[[fault]]\nwhat = \"drop\"\nat = \"soon\"", "line 3: fault 1: at: `soon` is no time"),
            ("[[fault]]\nwhat = \"drop\"\nat = \"1s\"\nafter = \"1s\"", "line 4: fault 1: after: a fault has `at`"),
            (
                "[[fault]]\nwhat = \"drop\"\nat = \"1s\"\nfor = \"1s\"",
                "line 4: fault 1: drop has no `for`; beside at, after, every and times it has whom, close",
            ),
            ("[[fault]]\nwhat = \"drop\"\nat = \"1s\"\nclose = 999", "line 4: fault 1: close: 999 is none of"),
            ("[[fault]]\nwhat = \"drop\"\nat = \"1s\"\nclose = 1005", "close: 1005"),
            ("[[fault]]\nwhat = \"skip\"\nat = \"1s\"", "line 2: fault 1: skip needs `stream`"),
            (
                "[[fault]]\nwhat = \"skip\"\nat = \"1s\"\nstream = \"btc\"",
                "line 4: fault 1: stream: `btc` is no stream",
            ),
            (
                "[[fault]]\nwhat = \"skip\"\nafter = \"1s\"\nstream = \"*@trade\"",
                "skip happens to no single connection",
            ),
            ("[[fault]]\nwhat = \"thin\"\nat = \"1s\"\nkeep = \"150%\"", "keep: `150%` is no share"),
            (
                "[[fault]]\nwhat = \"delay\"\nat = \"1s\"\nby = \"1s\"\nstream = \"*@trade\"\nwhom = \"all\"",
                "whom: what happens to a stream",
            ),
            ("[[fault]]\nwhat = \"refuse\"\nat = \"1s\"\nwhom = \"sse\"", "has not said yet what it is"),
            ("[[fault]]\nwhat = \"freeze\"\nat = \"09:30:00\"\nevery = \"1s\"", "line 4: fault 1: every: goes with"),
            ("[[fault]]\nwhat = \"freeze\"\nevery = \"0s\"", "all the time"),
            ("[[fault]]\nwhat = \"freeze\"\nat = \"1s\"\ntimes = 0", "times: 0 is not between"),
            ("[[fault]]\nwhat = \"freeze\"\nat = \"1s\"\n[[fault]]\nwho = 3", "line 5: unknown field `who`"),
            ("sed = 3", "line 1: unknown field `sed`"),
            ("seed = -3", "line 1:"),
            ("[[fault]", "line 1:"),
        ] {
            let error = error(text);
            assert!(error.contains(reason), "{text}: {error}");
        }
        let many = "[[fault]]\nwhat = \"half-open\"\nat = \"1s\"\n".repeat(FAULTS_MAX + 1);
        assert!(error(&many).contains("more than 256"), "{}", error(&many));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,200}") {
            let _ = Script::parse("test", &text);
        }

        #[test]
        fn no_values_make_it_panic(
            what in proptest::sample::select(What::NAMES.to_vec()),
            members in proptest::collection::vec(
                ("(at|after|every|times|whom|stream|count|keep|for|by|close|notice|down|part|ban)", "(\"[0-9smh:%@* a-zTZ.-]{0,24}\"|-?[0-9]{1,19}|true|[1-9]\\.[0-9])"),
                0..6,
            ),
        ) {
            let members: String = members.iter().map(|(name, value)| format!("{name} = {value}\n")).collect();
            let text = format!("[[fault]]\nwhat = \"{what}\"\n{members}");
            if let Err(error) = Script::parse("test", &text) {
                prop_assert!(error.line >= 1 && error.line <= text.lines().count());
            }
        }
    }
}
