"""The counters, read with the strict OpenMetrics parser of Prometheus's client for Python."""

import sys
import time

import requests
from prometheus_client.openmetrics.parser import text_string_to_metric_families

ADDRESS = sys.argv[1].replace("ws:", "http:") + "/metrics"
PATIENCE_S = 40


def samples():
    answer = requests.get(ADDRESS, headers={"Accept": "application/openmetrics-text; version=1.0.0"}, timeout=PATIENCE_S)
    answer.raise_for_status()
    assert answer.headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8", answer.headers
    families = list(text_string_to_metric_families(answer.text))
    assert all(family.documentation and family.type != "unknown" for family in families), families
    found = {}
    for family in families:
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample)
    return found


first = samples()
for name in ("ticks_read_total", "batch_frames_bucket", "disconnects_total", "messages_read_total", "build_info"):
    assert f"tapecast_{name}" in first, sorted(first)
assert first["tapecast_messages_read_total"][0].labels == {"venue": "binance"}, first["tapecast_messages_read_total"]

begun = time.monotonic()
while True:
    then = samples()
    grown = [
        sum(sample.value for sample in found["tapecast_ticks_published_total"]) for found in (first, then)
    ]
    assert grown[1] >= grown[0], grown
    if grown[1] > grown[0]:
        break
    assert time.monotonic() - begun < PATIENCE_S, "the feed does not move"
    time.sleep(0.1)
