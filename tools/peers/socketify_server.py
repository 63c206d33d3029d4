"""uWebSockets, in its Python binding: its own publish to topics."""

import json
import math
import os
import time
from asyncio import sleep

from socketify import App, AppListenOptions, CompressOptions, OpCode

parts = dict(part.split("=") for part in os.environ.get("TAPECAST_FEED", "bench:").split(":", 1)[1].split(",") if part)
symbols, rate = int(parts.get("symbols", 1)), float(parts.get("rate", 100))
is_burst = parts.get("burst") == "true"
grain = float(parts["grain"][:-2]) / {"ms": 1e3, "us": 1e6}[parts["grain"][-2:]] if "grain" in parts else 0
names = [f"s{n:03}usdt" for n in range(symbols)]
rest = json.dumps(
    {
        "p": "-12.34000000", "P": "-0.123", "w": "10000.51234567", "x": "10000.12000000", "c": "10000.00000000",
        "Q": "0.01230000", "b": "10000.00000000", "B": "1.23456000", "a": "10000.01000000", "A": "2.34567000",
        "o": "10000.34000000", "h": "10000.99000000", "l": "10000.00000000", "v": "12345.67890000",
        "q": "987654321.12345678", "O": 1789999999000000, "C": 1790086399000000, "F": 1,
    },
    separators=(",", ":"),
)[1:-1]


def upgrade(response, request, context):
    topics = request.get_url().split("/")[2:]
    key, protocol = request.get_header("sec-websocket-key"), request.get_header("sec-websocket-protocol")
    response.upgrade(key, protocol, request.get_header("sec-websocket-extensions"), context, topics)


def opened(socket):
    for topic in socket.get_user_data():
        socket.subscribe(topic)


async def play():
    start, made = time.perf_counter(), 0
    while True:
        due = (made // symbols) / rate if is_burst else made / (rate * symbols)
        if grain:
            due = math.ceil(due / grain - 1e-9) * grain
        wait = start + due - time.perf_counter()
        if wait > 0:
            await sleep(wait)
            continue
        symbol, number = made % symbols, made // symbols + 1
        stamp = time.time_ns() // 1000
        name = names[symbol]
        text = f'{{"e":"24hrTicker","E":{stamp},"s":"{name.upper()}",{rest},"L":{number},"n":{number}}}'
        app.publish(f"{name}@ticker", text, OpCode.TEXT)
        made += 1


app = App()
app.ws("/*", {"compression": CompressOptions.DISABLED, "upgrade": upgrade, "open": opened, "idle_timeout": 0})


def listening(config):
    print(f"ws://127.0.0.1:{config.port}/ws/{{streams}}", flush=True)
    app.loop.run_async(play())


app.listen(AppListenOptions(port=20000 + os.getpid() % 10000, host="127.0.0.1"), listening)
app.run()
