//! Whoever listens with the client of the library, over WebSocket, server-sent events or lines.

use std::time::Duration;

use tapecast::client::{Client, Event, Options};

use crate::support::PATIENCE;
use crate::{Heard, is_last};

/// Listens until the last stream has said something.
pub async fn listen(url: String, streams: Vec<String>) -> Heard {
    let options =
        Options { pause: Duration::from_millis(2), pause_max: Duration::from_millis(200), ..Options::default() };
    let streams: Vec<&str> = streams.iter().map(String::as_str).collect();
    let mut client = Client::connect(&url, &streams, options).await.unwrap_or_else(|error| panic!("{error}"));
    let mut heard = Heard::default();
    loop {
        let event = tokio::time::timeout(PATIENCE, client.next()).await.expect("something comes").expect("no end");
        match event {
            Event::Message(message) => {
                heard.take(&message.bytes);
                if is_last(&message.bytes) {
                    return heard;
                }
            }
            Event::Lost { .. } => {}
            Event::Reconnected => heard.resumed += 1,
            Event::Gap(gap) => heard.refused.push(gap.to_string()),
            other => panic!("{other:?}"),
        }
    }
}
