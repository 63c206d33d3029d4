//! A tape, the backbone, or both as the place where messages go.

use crate::feed::backbone::Publisher;
use crate::feed::upstream::{Recorder, Sink, UpstreamError};
use crate::tape::Message;

/// Passes everything on to those there are: to the tape first, so that what was published is on it. The backbone, where
/// it takes nothing for a while, makes the tape wait as soon as its queue is full.
pub struct Tee {
    /// The tape.
    pub recorder: Option<Recorder>,
    /// The backbone.
    pub publisher: Option<Publisher>,
}

impl Tee {
    fn each(&mut self, mut act: impl FnMut(&mut dyn Sink) -> Result<(), UpstreamError>) -> Result<(), UpstreamError> {
        let recorded = self.recorder.as_mut().map_or(Ok(()), |recorder| act(recorder));
        let published = self.publisher.as_mut().map_or(Ok(()), |publisher| act(publisher));
        recorded.and(published)
    }
}

impl Sink for Tee {
    fn take(&mut self, message: &Message<'_>) -> Result<(), UpstreamError> {
        self.each(|sink| sink.take(message))
    }

    fn idle(&mut self) -> Result<(), UpstreamError> {
        self.each(|sink| sink.idle())
    }

    fn finish(&mut self) -> Result<(), UpstreamError> {
        self.each(|sink| sink.finish())
    }
}
