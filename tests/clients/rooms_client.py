"""Two who talk in a room, with python-socketio, over each transport and over the change between them."""

import os
import queue
import sys

import socketio

ADDRESS = sys.argv[1].replace("ws:", "http:")
PATIENCE_S = 40
# `msgpack` for packets in MessagePack, chosen by whoever started the script.
SERIALIZER = os.environ.get("SOCKETIO_PARSER", "default")


def person(transports):
    """A client in the namespace, and what it hears."""
    client, heard = socketio.Client(reconnection=False, serializer=SERIALIZER), queue.Queue()
    for name in ("message", "chat message", "joined", "left"):
        client.on(name, lambda *arguments, name=name: heard.put((name, *arguments)), namespace="/rooms")
    client.connect(ADDRESS, namespaces=["/rooms"], transports=transports, wait_timeout=PATIENCE_S)
    return client, heard


def talk(transports):
    """Joins, says text, objects and bytes, leaves."""
    ask = {"namespace": "/rooms", "timeout": PATIENCE_S}
    (ann, ann_hears), (bob, bob_hears) = person(transports), person(transports)
    assert ann.call("join", "r", **ask) == {"ok": True, "room": "r", "members": 1}
    assert bob.call("join", {"room": "r"}, **ask)["members"] == 2
    joined = {"room": "r", "id": bob.get_sid("/rooms"), "members": 2}
    assert ann_hears.get(timeout=PATIENCE_S) == ("joined", joined)
    for message in ("buy", {"price": [0.1, None]}, b"\x00\xff", {"picture": {"data": b"\x01"}}):
        ann.emit("message", {"room": "r", "message": message}, namespace="/rooms")
        said = {"room": "r", "message": message, "from": ann.get_sid("/rooms")}
        assert bob_hears.get(timeout=PATIENCE_S) == ("message", said)
    bob.emit("chat message", ("to all", 1), namespace="/rooms")
    for hears in (ann_hears, bob_hears):
        assert hears.get(timeout=PATIENCE_S) == ("chat message", "to all", 1)
    ann.disconnect()
    assert bob_hears.get(timeout=PATIENCE_S)[0] == "left"
    bob.disconnect()


for way in (None, ["polling"], ["websocket"]):
    talk(way)
