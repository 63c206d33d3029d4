//! `tapecast tape cat`: a tape, or a part of it, as lines.

use std::collections::BTreeSet;
use std::io::{BufWriter, ErrorKind};
use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::bail;
use clap::Args;

use crate::cli::tape::output::{Output, Style};
use crate::cli::tape::selection::{Range, Selection};
use crate::feed::label::Label;
use crate::tape::{Form, Tally};

/// Flags of `tape cat`.
#[derive(Args, Debug)]
pub(super) struct Cat {
    /// The .tape.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    range: Range,
    /// Only messages of this symbol, as its venue spells it; may be given several times.
    #[arg(long, value_name = "SYMBOL", value_delimiter = ',')]
    symbol: Vec<String>,
}

impl Cat {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let mut selection = Selection::open(&self.file, &self.range)?;
        let symbols: Vec<String> = self.symbol.iter().map(|symbol| symbol.to_uppercase()).collect();
        check_symbols(&symbols, &selection.reader.index().tally)?;
        let mut output = Output::new(BufWriter::with_capacity(1 << 18, std::io::stdout().lock()), Style::Lines);
        let written = selection.each(|record| {
            let label = Label::parse(record.message.label);
            let is_wanted = symbols.is_empty()
                || record.message.form == Form::Table
                || symbols.iter().any(|symbol| label.symbol.to_uppercase() == *symbol);
            if is_wanted {
                output.write(record)?;
            }
            Ok(ControlFlow::Continue(()))
        });
        let written = written.and_then(|_| Ok(output.finish().map(drop)?));
        match written {
            // The reader of a pipe has seen enough.
            Err(error) if error.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == ErrorKind::BrokenPipe) => {
                Ok(())
            }
            written => written,
        }
    }
}

/// Names the symbols there are if one is asked for that is not.
fn check_symbols(symbols: &[String], tally: &Tally) -> anyhow::Result<()> {
    let known: BTreeSet<&str> = tally.iter().map(|(label, _)| Label::parse(label).symbol).collect();
    let names: Vec<&str> = known.iter().copied().filter(|name| *name != "-" && *name != "*").collect();
    for symbol in symbols {
        if !known.iter().any(|name| name.to_uppercase() == *symbol) {
            let some = names.iter().take(20).copied().collect::<Vec<_>>().join(", ");
            let more = if names.len() > 20 { format!(" and {} more", names.len() - 20) } else { String::new() };
            bail!("--symbol: the tape has no `{symbol}`; it has {some}{more}");
        }
    }
    Ok(())
}
