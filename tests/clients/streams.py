"""Both venues with Python's `websockets`, and an order book kept from differences."""

import asyncio
import json
import sys
from decimal import Decimal

from websockets.asyncio.client import connect

SERVER = sys.argv[1]
DEADLINE_S = 50
BOOK_MS = 3_000


async def binance():
    async with connect(f"{SERVER}/stream?streams=btcusdt@trade/btcusdt@ticker") as socket:
        streams = set()
        while len(streams) < 2:
            message = await socket.recv()
            assert isinstance(message, str)
            event = json.loads(message)
            assert event["data"]["s"] == "BTCUSDT"
            streams.add(event["stream"])
        assert streams == {"btcusdt@trade", "btcusdt@ticker"}


async def upbit():
    async with connect(f"{SERVER}/websocket/v1") as socket:
        await socket.send('[{"ticket":"test"},{"type":"trade","codes":["KRW-BTC"],"isOnlyRealtime":true}]')
        last = 0
        for _ in range(3):
            message = await socket.recv()
            assert isinstance(message, bytes)
            trade = json.loads(message)
            assert (trade["type"], trade["code"], trade["stream_type"]) == ("trade", "KRW-BTC", "REALTIME")
            assert trade["sequential_id"] > last
            last = trade["sequential_id"]


async def book():
    """For three seconds of the feed's clock, each difference continues the one before, and the sides never cross."""
    async with connect(f"{SERVER}/ws/btcusdt@depth@100ms") as socket:
        sides = {"b": {}, "a": {}}
        begin = last = None
        while True:
            event = json.loads(await socket.recv())
            assert event["e"] == "depthUpdate" and event["u"] >= event["U"]
            assert last is None or event["U"] == last + 1, f"{event['U']} follows {last}"
            last = event["u"]
            for name, side in sides.items():
                for price, size in event[name]:
                    side[Decimal(price)] = Decimal(size)
                    if side[Decimal(price)] == 0:
                        del side[Decimal(price)]
            if all(sides.values()):
                assert max(sides["b"]) < min(sides["a"])
            begin = begin or event["E"]
            if event["E"] - begin >= BOOK_MS:
                assert all(sides.values())
                return


async def main():
    async with asyncio.timeout(DEADLINE_S):
        await asyncio.gather(binance(), upbit(), book())


asyncio.run(main())
