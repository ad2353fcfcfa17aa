"""A partner's server on loopback that does what it is told: answers, fails, hangs, drips, gushes, resets."""

import json
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import Any

# What is done with a connection; the status that was answered, or None.
Behaviour = Callable[[socket.socket], int | None]


def answer(status: int = 200, headers: str = "", body: str = "") -> Behaviour:
    def behave(connection: socket.socket) -> int:
        text = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{headers}\r\n{body}"
        connection.sendall(text.encode())
        return status

    return behave


def hang(seconds: float) -> Behaviour:
    return lambda connection: time.sleep(seconds)


def late(seconds: float) -> Behaviour:
    def behave(connection: socket.socket) -> int | None:
        time.sleep(seconds)
        return answer(200)(connection)

    return behave


def drip(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for _ in range(100):
        connection.sendall(b"X-Drip: 1\r\n")
        time.sleep(0.1)


def gush(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(200):
        connection.sendall(b"x" * 64 * 1024)


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Receiver:
    """Answers each request by the next behaviour of its script, then with 200. Use as a context manager."""

    def __init__(self, *script: Behaviour, port: int = 0) -> None:
        self.script = list(script)
        self.got: list[dict[str, Any]] = []
        self._server = socket.create_server(("127.0.0.1", port))
        self._server.settimeout(0.1)
        self.port: int = self._server.getsockname()[1]
        self._open = True
        self._threads: list[threading.Thread] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def taken(self) -> list[dict[str, Any]]:
        """The requests that were answered with success, in the order of their coming."""
        return [one for one in self.got if one["status"] == 200]

    def __enter__(self) -> "Receiver":
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._open = False
        self._listener.join(5)
        self._server.close()
        for thread in self._threads:
            thread.join(5)

    def _listen(self) -> None:
        while self._open:
            try:
                connection, _address = self._server.accept()
            except TimeoutError:
                continue
            behave = self.script.pop(0) if self.script else answer(200)
            thread = threading.Thread(target=self._serve, args=(connection, behave), daemon=True)
            thread.start()
            self._threads.append(thread)

    def _serve(self, connection: socket.socket, behave: Behaviour) -> None:
        with connection:
            connection.settimeout(5)
            try:
                request = self._request(connection)
                self.got.append(request)
                request["status"] = behave(connection)
            except OSError:
                return

    def _request(self, connection: socket.socket) -> dict[str, Any]:
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.recv(65536)
        head, _blank, body = data.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _colon, value in (line.partition(":") for line in lines[1:])}
        while len(body) < int(headers["content-length"]):
            body += connection.recv(65536)
        return {"line": lines[0], "headers": headers, "raw": body, "body": json.loads(body), "status": None}
