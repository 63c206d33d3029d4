//! What a feed holds, as far as its beginning tells: what people and pages are shown before it plays.

use std::collections::BTreeSet;

use crate::feed::FeedError;
use crate::feed::merge::Merge;
use crate::feed::source::Source;
use crate::market::channel::{Channel, Stream};
use crate::market::symbol::{Name, Symbols, Venue};
use crate::market::tick::Tick;
use crate::venue::{Decoder, Message};

/// Messages looked at: a moment's work, and minutes of most feeds.
const MESSAGES_MAX: usize = 20_000;

/// Symbols and channels of a feed's beginning.
#[derive(Clone, Debug, Default)]
pub struct Preview {
    /// In the order of their first message.
    symbols: Symbols,
    streams: BTreeSet<Stream>,
}

impl Preview {
    /// Looks at the beginning of a feed.
    ///
    /// # Errors
    /// [`FeedError`] as the server itself would meet it.
    pub fn of(sources: &[Source]) -> Result<Preview, FeedError> {
        // The server will meet the same damage, and report it.
        tracing::subscriber::with_default(tracing::subscriber::NoSubscriber::default(), || Self::look(sources))
    }

    fn look(sources: &[Source]) -> Result<Preview, FeedError> {
        // What is live says nothing beforehand, and is not begun twice.
        let recorded: Vec<Source> =
            sources.iter().filter(|source| !matches!(source, Source::Live(_))).cloned().collect();
        let mut feed = Merge::open(&recorded)?;
        let (mut preview, mut decoder, mut message) = (Preview::default(), Decoder::default(), Vec::new());
        for _ in 0..MESSAGES_MAX {
            let Some((ts_recv, venue)) = feed.next(&mut message) else { break };
            match decoder.decode(venue, &mut message, ts_recv, &mut preview.symbols) {
                Ok(Message::Tick) => preview.streams.extend([decoder.tick.stream()]),
                Ok(Message::List(ticks)) => preview.streams.extend(ticks.iter().map(Tick::stream)),
                Ok(Message::Snapshot(_)) | Err(_) => {}
            }
        }
        Ok(preview)
    }

    /// A venue's symbols.
    pub fn symbols(&self, venue: Venue) -> Vec<&str> {
        let symbols = self.symbols.iter().filter(|(_, symbol)| symbol.venue == venue);
        symbols.map(|(_, symbol)| symbol.name.as_str()).collect()
    }

    /// What a venue's clients call the symbols they can ask for: its own, then those of other venues' feeds.
    pub fn names_for(&self, venue: Venue) -> Vec<&str> {
        let mut names = self.symbols(venue);
        for (id, symbol) in self.symbols.iter().filter(|(_, symbol)| symbol.venue != venue) {
            let name = symbol.name_for(venue).map(Name::as_str);
            names.extend(name.filter(|name| self.symbols.find(venue, name) == Some(id)));
        }
        names
    }

    /// What a venue's clients call the channels there are.
    pub fn channels(&self, venue: Venue) -> Vec<String> {
        let streams = self.streams.iter().filter(|stream| self.symbols.get(stream.symbol).venue == venue);
        let channels: BTreeSet<Channel> = streams.map(|stream| stream.channel).collect();
        let names = channels.into_iter().filter_map(|channel| (venue.grammar().stream)("", channel));
        names.map(|name| name.trim_start_matches('@').to_owned()).collect()
    }

    /// Symbol and stream to try, as the venue's clients call them: of the first symbol, trades if it has them.
    pub fn example(&self, venue: Venue) -> Option<(String, String)> {
        let of_venue = |stream: &&Stream| self.symbols.get(stream.symbol).venue == venue;
        let stream = self.streams.iter().filter(of_venue).min_by_key(|stream| (stream.channel, stream.symbol))?;
        let name = self.symbols.get(stream.symbol).name.as_str();
        Some((name.to_owned(), (venue.grammar().stream)(name, stream.channel)?))
    }
}
