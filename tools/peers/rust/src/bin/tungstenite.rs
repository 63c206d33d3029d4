//! tokio-tungstenite as tutorials have it: a task for each client on a broadcast channel.

use futures_util::{SinkExt, StreamExt};
use peers::{Feed, symbols_of};
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

#[tokio::main]
async fn main() {
    let feed = Feed::of_environment();
    let (send, _) = broadcast::channel::<(usize, Message)>(16_384);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("ws://{}/ws/{{streams}}", listener.local_addr().unwrap());
    let publisher = send.clone();
    tokio::spawn(feed.play(async move |symbol, event| drop(publisher.send((symbol, Message::text(event))))));
    while let Ok((stream, _)) = listener.accept().await {
        let mut receive = send.subscribe();
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            let mut wants = Vec::new();
            let look = |request: &Request, response: Response| {
                wants = symbols_of(request.uri().path(), feed.symbols);
                Ok(response)
            };
            let Ok(socket) = tokio_tungstenite::accept_hdr_async(stream, look).await else { return };
            let (mut sink, mut source) = socket.split();
            loop {
                tokio::select! {
                    said = receive.recv() => match said {
                        Ok((symbol, message)) if wants.contains(&symbol) => {
                            if sink.send(message).await.is_err() {
                                return;
                            }
                        }
                        Ok(_) => {}
                        Err(_) => return,
                    },
                    heard = source.next() => if !matches!(heard, Some(Ok(_))) {
                        return;
                    },
                }
            }
        });
    }
}
