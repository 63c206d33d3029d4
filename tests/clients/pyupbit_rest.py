"""pyupbit's functions for quotations by REST as they are, but for the address, which it has written into its code."""

import sys
import time

import pyupbit
from pyupbit import request_api

DEADLINE_S = 50


def main():
    server = sys.argv[1].replace("ws", "http")
    get = request_api.requests.get
    request_api.requests.get = lambda url, **options: get(
        url.replace("https://api.upbit.com", server), **options
    )

    dollars = pyupbit.get_tickers(fiat="USDT")
    assert "USDT-BTC" in dollars and "USDT-ETH" in dollars, dollars
    tickers, limit = pyupbit.get_tickers(limit_info=True)
    assert (limit["group"], limit["sec"]) == ("market", 10) and "KRW-BTC" in tickers, limit
    assert all("market_event" in market for market in pyupbit.get_tickers(is_details=True))

    wait_until(lambda: len(pyupbit.get_current_price(tickers)) == len(tickers))
    prices = pyupbit.get_current_price(["KRW-BTC", "KRW-ETH"])
    assert set(prices) == {"KRW-BTC", "KRW-ETH"}, prices
    assert 1e6 < pyupbit.get_current_price("KRW-BTC") < 1e9

    book = pyupbit.get_orderbook("KRW-BTC")
    units = book["orderbook_units"]
    assert book["market"] == "KRW-BTC" and len(units) == 30, book
    assert units[0]["bid_price"] < units[0]["ask_price"] < units[1]["ask_price"]
    books = pyupbit.get_orderbook(["KRW-BTC", "KRW-ETH"])
    assert [book["market"] for book in books] == ["KRW-BTC", "KRW-ETH"]

    for interval in ["minute1", "minute240", "day", "week", "month"]:
        # It asks for candles that begin before the present second, and one may just have begun.
        wait_until(lambda: pyupbit.get_ohlcv("KRW-BTC", interval=interval) is not None)
        candles = pyupbit.get_ohlcv("KRW-BTC", interval=interval, count=5)
        assert list(candles) == ["open", "high", "low", "close", "volume", "value"]
        last = candles.iloc[-1]
        assert last["low"] <= min(last["open"], last["close"]) <= last["high"], last
        assert last["low"] * last["volume"] <= last["value"] * 1.000001, last


def wait_until(is_so):
    end = time.monotonic() + DEADLINE_S
    while not is_so():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.2)


main()
