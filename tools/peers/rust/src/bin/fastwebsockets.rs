//! fastwebsockets as its examples have it: a task for each client on a broadcast channel.

use std::sync::Arc;

use fastwebsockets::{Frame, Payload, upgrade};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use peers::{Feed, symbols_of};
use tokio::net::TcpListener;
use tokio::sync::broadcast::{self, Receiver};

type Said = (usize, Arc<str>);

#[tokio::main]
async fn main() {
    let feed = Feed::of_environment();
    let (send, _) = broadcast::channel::<Said>(16_384);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("ws://{}/ws/{{streams}}", listener.local_addr().unwrap());
    let publisher = send.clone();
    tokio::spawn(feed.play(async move |symbol, event| drop(publisher.send((symbol, event.into())))));
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let send = send.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(request, send.subscribe(), feed.symbols));
            let http = hyper::server::conn::http1::Builder::new();
            let _ = http.serve_connection(TokioIo::new(stream), service).with_upgrades().await;
        });
    }
}

async fn answer(
    mut request: Request<Incoming>,
    mut receive: Receiver<Said>,
    symbols: usize,
) -> Result<Response<Empty<Bytes>>, fastwebsockets::WebSocketError> {
    let wants = symbols_of(request.uri().path(), symbols);
    let (response, socket) = upgrade::upgrade(&mut request)?;
    tokio::spawn(async move {
        let Ok(mut socket) = socket.await else { return };
        loop {
            tokio::select! {
                said = receive.recv() => match said {
                    Ok((symbol, event)) if wants.contains(&symbol) => {
                        let frame = Frame::text(Payload::Borrowed(event.as_bytes()));
                        if socket.write_frame(frame).await.is_err() {
                            return;
                        }
                    }
                    Ok(_) => {}
                    Err(_) => return,
                },
                heard = socket.read_frame() => if heard.is_err() {
                    return;
                },
            }
        }
    });
    Ok(response)
}
