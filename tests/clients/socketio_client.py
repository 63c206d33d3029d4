"""A client of Socket.IO, with python-socketio, over each transport and over the change between them."""

import os
import sys
import threading

import socketio

ADDRESS = sys.argv[1].replace("ws:", "http:")
PATIENCE_S = 40
# `msgpack` for packets in MessagePack, chosen by whoever started the script.
SERIALIZER = os.environ.get("SOCKETIO_PARSER", "default")


def listen(transports):
    """Subscribes to trades and books, and takes some of each."""
    client = socketio.Client(reconnection=False, serializer=SERIALIZER)
    trades, books = [], []
    is_enough = threading.Event()

    def take(events, payload, stream):
        events.append((payload, stream))
        if len(trades) >= 20 and len(books) >= 3:
            is_enough.set()

    client.on("trade", lambda *arguments: take(trades, *arguments), namespace="/binance")
    client.on("orderbook", lambda *arguments: take(books, *arguments), namespace="/upbit")
    client.connect(ADDRESS, namespaces=["/binance", "/upbit"], transports=transports, wait_timeout=PATIENCE_S)
    assert client.call("subscribe", ["btcusdt@trade"], namespace="/binance", timeout=PATIENCE_S) == {"ok": True}
    asked = (["KRW-BTC@orderbook"], {"volatile": True})
    assert client.call("subscribe", asked, namespace="/upbit", timeout=PATIENCE_S) == {"ok": True}
    assert is_enough.wait(PATIENCE_S), f"{transports}: {len(trades)} trades, {len(books)} books"
    ids = [trade["t"] for trade, _ in trades]
    assert ids == list(range(ids[0], ids[0] + len(ids))), f"{transports}: {ids}"
    assert {stream for _, stream in trades} == {"btcusdt@trade"}
    assert all(book["code"] == "KRW-BTC" for book, _ in books)
    listed = client.call("subscriptions", namespace="/binance", timeout=PATIENCE_S)
    assert listed == ["btcusdt@trade"], listed
    expected = "polling" if transports == ["polling"] else "websocket"
    assert client.transport() == expected, client.transport()
    client.disconnect()


for way in (None, ["polling"], ["websocket"]):
    listen(way)
