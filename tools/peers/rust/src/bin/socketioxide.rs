//! socketioxide: a room for each topic.

use peers::{Feed, topic};
use serde_json::Value;
use socketioxide::SocketIo;
use socketioxide::extract::{Data, SocketRef};

#[tokio::main]
async fn main() {
    let feed = Feed::of_environment();
    let (layer, io) = SocketIo::builder().max_buffer_size(16_384).build_layer();
    io.ns("/binance", async |socket: SocketRef| {
        socket.on("subscribe", async |socket: SocketRef, Data(topics): Data<Vec<String>>| socket.join(topics));
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("socketio://{}/binance", listener.local_addr().unwrap());
    let rooms: Vec<String> = (0..feed.symbols).map(topic).collect();
    tokio::spawn(feed.play(async move |symbol, event| {
        let event: Value = serde_json::from_str(&event).unwrap();
        let namespace = io.of("/binance").unwrap();
        let _ = namespace.to(rooms[symbol].clone()).emit("ticker", &(event, &rooms[symbol])).await;
    }));
    axum::serve(listener, axum::Router::new().layer(layer)).await.unwrap();
}
