"""A server that asks for a token, with python-socketio: refused with data, let in with one."""

import sys

import socketio

ADDRESS = sys.argv[1].replace("ws:", "http:")
PATIENCE_S = 40

for transports in (None, ["polling"], ["websocket"]):
    for auth, reason in ((None, "auth.token is missing, or no text"), ({"token": "wrong"}, "auth.token is not known")):
        client = socketio.Client(reconnection=False)
        errors = []
        client.on("connect_error", errors.append, namespace="/binance")
        try:
            client.connect(ADDRESS, auth=auth, namespaces=["/binance"], transports=transports, wait_timeout=PATIENCE_S)
        except socketio.exceptions.ConnectionError:
            pass
        else:
            raise AssertionError(f"{transports}: {auth} was let in")
        assert errors == [{"message": "not authorized", "data": {"code": 401, "reason": reason}}], errors
        client.disconnect()
    client = socketio.Client(reconnection=False)
    auth = {"token": "opensesame"}
    client.connect(ADDRESS, auth=auth, namespaces=["/binance"], transports=transports, wait_timeout=PATIENCE_S)
    assert client.call("subscriptions", namespace="/binance", timeout=PATIENCE_S) == []
    client.disconnect()
