//! Several files as one tape, in the order of receive times.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use rustc_hash::FxHashMap;

use crate::cli::say::say;
use crate::cli::tape::input::Input;
use crate::cli::tape::item::Item;
use crate::cli::tape::progress::Progress;
use crate::feed::label::Labels;
use crate::tape::header::Header;
use crate::tape::{EXTENSION, Settings, Writer};

/// How a tape is written.
#[derive(Args, Debug)]
pub(super) struct Writing {
    /// How hard to compress, 1 to 19.
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(i32).range(1..=19))]
    level: i32,
    /// Content of a block in KiB: what a reader holds in memory, and what a damaged bit costs.
    #[arg(long, default_value_t = 1_024, value_name = "KIB", value_parser = clap::value_parser!(u32).range(4..=8_192))]
    block: u32,
}

impl Writing {
    /// Makes a tape, which must not be one of the files that are read.
    pub(super) fn create(&self, path: &Path, inputs: &[PathBuf], header: Header) -> anyhow::Result<Writer> {
        if path.extension().is_none_or(|end| end != EXTENSION) {
            bail!("--out: {} must end in .{EXTENSION}", path.display());
        }
        check_other(path, inputs)?;
        let (level, block_bytes) = (self.level, (self.block as usize) << 10);
        // Whoever copies a file can do so again; blocks are closed by size only, so that equal files give equal tapes.
        let flush_every = std::time::Duration::MAX;
        let settings = Settings { level, block_bytes, flush_every, ..Settings::default() };
        Writer::create(path, settings, header).with_context(|| format!("cannot write {}", path.display()))
    }
}

/// Refuses to write onto what is read.
pub(super) fn check_other(path: &Path, inputs: &[PathBuf]) -> anyhow::Result<()> {
    let out = path.canonicalize().ok();
    if out.is_some() && inputs.iter().any(|input| input.canonicalize().ok() == out) {
        bail!("--out: {} is one of the files that are read", path.display());
    }
    Ok(())
}

/// Makes one tape of files of any format. Of records received at the same instant, those of the file named first come
/// first. Connections are numbered anew, as they appear. Memory: a record and a block for each file.
pub(super) fn weave(paths: &[PathBuf], out: &Path, writing: &Writing) -> anyhow::Result<()> {
    let mut inputs = paths.iter().map(|path| Input::open(path)).collect::<anyhow::Result<Vec<_>>>()?;
    let mut writer = writing.create(out, paths, Header::default())?;
    let woven = write(&mut inputs, &mut writer);
    let failed = || format!("cannot write {}", out.display());
    // What was read before an error is kept.
    writer.finish().with_context(failed)?;
    let index = writer.index();
    let stored: u64 = index.entries.iter().map(|entry| u64::from(entry.length)).sum();
    say!(
        "{}: {} records in {} blocks, {stored} bytes, digest {}",
        out.display(),
        index.records(),
        index.entries.len(),
        writer.digest()
    );
    woven.with_context(|| format!("{} ends early", out.display()))
}

fn write(inputs: &mut [Input], writer: &mut Writer) -> anyhow::Result<()> {
    let (mut labels, mut connections) = (Labels::default(), FxHashMap::default());
    let mut progress = Progress::new(inputs.iter().map(Input::length).sum());
    let mut next = Vec::new();
    for (place, input) in inputs.iter_mut().enumerate() {
        let mut item = Item::default();
        if input.next(&mut labels, &mut item)? {
            next.push((place, item));
        }
    }
    while let Some(first) = (0..next.len()).min_by_key(|&place| (next[place].1.ts_recv, next[place].0)) {
        let (place, item) = &mut next[first];
        let number = connections.len() as u32;
        item.connection = *connections.entry((*place, item.connection)).or_insert(number);
        writer.append(&item.message())?;
        if !inputs[*place].next(&mut labels, item)? {
            next.remove(first);
        }
        progress.step(|| inputs.iter().map(Input::position).sum());
    }
    Ok(())
}
