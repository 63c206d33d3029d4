"""pyupbit as it is, but for the address, which it has written into its code."""

import multiprocessing
import signal
import sys

import pyupbit
from pyupbit import websocket_api

DEADLINE_S = 50


class FirstMessage(Exception):
    pass


class FirstOnly:
    """A queue that ends the client with what it is given first: it would listen forever."""

    def put(self, message):
        raise FirstMessage(message)


def main():
    server = sys.argv[1]
    # It works in a process of its own, which has to know the address too.
    multiprocessing.set_start_method("fork")
    connect = websocket_api.websockets.connect
    websocket_api.websockets.connect = lambda _, **options: connect(f"{server}/websocket/v1", **options)
    # What goes wrong in that process ends it, and `get` would wait forever.
    signal.alarm(DEADLINE_S)

    try:
        websocket_api.WebSocketClient("ticker", ["KRW-BTC"], FirstOnly())
    except FirstMessage as first:
        (message,) = first.args
        assert isinstance(message, dict) and message["type"] == "ticker", message

    for kind in ["ticker", "trade", "orderbook"]:
        manager = pyupbit.WebSocketManager(kind, ["KRW-BTC"])
        for _ in range(3):
            message = manager.get()
            assert (message["type"], message["code"]) == (kind, "KRW-BTC"), message
            assert message["stream_type"] == "REALTIME"
        manager.terminate()
        manager.join()


if __name__ == "__main__":
    main()
