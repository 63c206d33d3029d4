"""Compressed frames, with `websockets`: every one holds what a client without compression gets."""

import asyncio
import json
import random
import string
import sys

import websockets

DEADLINE_S = 50
FRAMES = 300
CODES = ["KRW-BTC", "KRW-ETH"]
REQUEST = [{"ticket": "test"}] + [
    {"type": kind, "codes": CODES, "is_only_realtime": True} for kind in ("trade", "orderbook")
]


def connect(compression):
    return websockets.connect(f"{sys.argv[1]}/websocket/v1", compression=compression, max_size=None)


async def take(client):
    await client.send(json.dumps(REQUEST))
    return [await client.recv() for _ in range(FRAMES)]


async def same_frames():
    async with connect("deflate") as deflated, connect(None) as plain:
        assert [extension.name for extension in deflated.protocol.extensions] == ["permessage-deflate"]
        assert plain.protocol.extensions == []
        one, other = await asyncio.gather(take(deflated), take(plain))
        # One of them was first; from where the other begins they agree.
        first, second = (other, one) if one[0] in other else (one, other)
        common = first[first.index(second[0]):]
        assert len(common) > FRAMES / 3, len(common)
        assert second[: len(common)] == common


async def long_messages():
    codes = ["".join(random.choices(string.ascii_uppercase, k=20)) for _ in range(15_000)]
    async with connect("deflate") as client:
        await client.send(json.dumps([{"ticket": "test"}, {"type": "trade", "codes": codes}]))
        await client.send(json.dumps([{"ticket": "list"}, {"method": "LIST_SUBSCRIPTIONS"}]))
        answer = await client.recv()
        # Twenty letters out of 26 are more than 11 bytes, however they are compressed.
        assert len(answer) > 15_000 * 20
        assert json.loads(answer)["result"] == [{"type": "trade", "codes": codes}]


async def main():
    await same_frames()
    await long_messages()


asyncio.run(asyncio.wait_for(main(), DEADLINE_S))
