"""Binance's own older Python connector as it is: REST, streams and the WebSocket API, by changing the addresses."""

import json
import sys
import threading

from binance.spot import Spot
from binance.websocket.spot.websocket_api import SpotWebsocketAPIClient
from binance.websocket.spot.websocket_stream import SpotWebsocketStreamClient

SERVER = sys.argv[1]
DEADLINE_S = 50


def main():
    rest = Spot(base_url=SERVER.replace("ws", "http"))
    assert "BTCUSDT" in {symbol["symbol"] for symbol in rest.exchange_info()["symbols"]}

    events, is_complete = {}, threading.Event()

    def on_event(_, message):
        event = json.loads(message)
        events.setdefault(event.get("e", "answer"), event)
        if {"trade", "kline", "24hrTicker", "depthUpdate"} <= events.keys():
            is_complete.set()

    streams = SpotWebsocketStreamClient(stream_url=SERVER, on_message=on_event)
    streams.trade("btcusdt")
    streams.kline("btcusdt", "1m")
    streams.ticker("btcusdt")
    streams.diff_book_depth("btcusdt", speed=100)
    assert is_complete.wait(DEADLINE_S), f"only {sorted(events)} came"
    streams.stop()

    depth = rest.depth("BTCUSDT", limit=5)
    assert len(depth["bids"]) == 5 and depth["lastUpdateId"] >= events["depthUpdate"]["U"]
    assert len(rest.klines("BTCUSDT", "1m", limit=1)[0]) == 12

    answers, is_answered = [], threading.Event()

    def on_answer(_, message):
        answers.append(json.loads(message))
        is_answered.set()

    api = SpotWebsocketAPIClient(stream_url=f"{SERVER}/ws-api/v3", on_message=on_answer)
    api.order_book(symbol="BTCUSDT", limit=5)
    assert is_answered.wait(DEADLINE_S)
    api.stop()
    assert answers[0]["status"] == 200 and len(answers[0]["result"]["asks"]) == 5


main()
