"""Upbit's own SDK as it is: told a base URL, it parses all formats into its models and lists its subscriptions."""

import signal
import sys
import time

from upbit import Upbit
from upbit.types.connect_public_server_event import Orderbook, Ticker, Trade, WsCandleResponse
from upbit.types.list_subscriptions_response import ListSubscriptionsResponse
from upbit.types.simple_candle import SimpleCandle
from upbit.types.simple_list_subscriptions_response import SimpleListSubscriptionsResponse
from upbit.types.simple_orderbook import SimpleOrderbook
from upbit.types.simple_ticker import SimpleTicker
from upbit.types.simple_trade import SimpleTrade

DEADLINE_S = 50

CODES = ["KRW-BTC", "KRW-ETH"]

LONG = {"ticker": Ticker, "trade": Trade, "orderbook": Orderbook, "candle.1s": WsCandleResponse}
SHORT = {"ticker": SimpleTicker, "trade": SimpleTrade, "orderbook": SimpleOrderbook, "candle.1s": SimpleCandle}


def main():
    signal.alarm(DEADLINE_S)
    address = sys.argv[1].replace("ws:", "http:")
    client = Upbit(access_key="none", secret_key="none", base_url=address)
    for stream_format in [None, "DEFAULT", "SIMPLE", "JSON_LIST", "SIMPLE_LIST"]:
        check(client, stream_format)


def check(client, stream_format):
    is_short = (stream_format or "").startswith("SIMPLE")
    is_list = (stream_format or "").endswith("LIST")
    models = SHORT if is_short else LONG
    manager = client.ws_stream.subscribe(
        ticker=CODES, trade=CODES, orderbook=CODES, candle={"1s": CODES}, format=stream_format
    )
    with manager as stream:
        seen = set()
        while len(seen) < 2 * len(models):
            seen.update(receive(stream, models, is_short, is_list))

        begun = time.monotonic()
        listed = stream.list_subscriptions()
        assert time.monotonic() - begun < 5
        if is_short:
            assert isinstance(listed, SimpleListSubscriptionsResponse), listed
            types = {entry.ty: entry.cds for entry in listed.rslt}
        else:
            assert isinstance(listed, ListSubscriptionsResponse), listed
            types = {entry.type: entry.codes for entry in listed.result}
        assert types == {kind: CODES for kind in models}, listed

        # What it was subscribed to goes on.
        seen = set()
        while len(seen) < 2 * len(models):
            seen.update(receive(stream, models, is_short, is_list))


def receive(stream, models, is_short, is_list):
    received = stream.recv()
    assert isinstance(received, list) == is_list, received
    kinds = set()
    for event in received if is_list else [received]:
        kind, code = (event.ty, event.cd) if is_short else (event.type, event.code)
        assert isinstance(event, models[kind]), event
        # Strict, unlike the SDK's own way of making them.
        models[kind].model_validate(as_text(event.model_dump(exclude_unset=True)))
        kinds.add((kind, code))
    return kinds


def as_text(value):
    """The SDK's models say of numbers that they are texts, but it takes whole ones as they are."""
    texts = {"code", "type", "ty", "cd"}
    if isinstance(value, dict):
        return {key: item if key in texts else as_text(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_text(item) for item in value]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


if __name__ == "__main__":
    main()
