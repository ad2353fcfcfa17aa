"""One POST to an address that somebody else wrote down: pinned, unredirected, short, over in time. No database here.

Who may be reached is decided on the address the socket connects to, so a name that changes its answer changes nothing.
"""

import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

# One deadline for the whole exchange, from looking up the name to the last byte that is read.
DEADLINE_SECONDS = 15.0
MOST_BYTES = 64 * 1024
STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3})(?: |$)")
NAT64 = ipaddress.ip_network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Refused(Exception):
    """The target is not one that may be reached."""


@dataclass(frozen=True)
class Answer:
    """What came of one try: a status with its headers and the beginning of its body, or an error in words."""

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    error: str = ""
    milliseconds: int = 0

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def check_url(url: str, *, loopback: bool) -> SplitResult:
    """Return the parts of a target's URL. Raises Refused in words for whoever wrote it.

    https only; with `loopback` (for integrators on their own machine) also http to this machine.
    """
    if not url.isascii() or any(letter.isspace() or not letter.isprintable() for letter in url):
        raise Refused("The address holds spaces or characters that are not plain ASCII.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Refused("This is not an address.") from error
    if parts.username is not None or parts.password is not None:
        raise Refused("The address must not carry a name or password.")
    host = parts.hostname or ""
    if not host or port == 0 or parts.fragment:
        raise Refused("The address needs a host, and neither port 0 nor a fragment.")
    if parts.scheme != "https" and not (loopback and parts.scheme == "http" and _names_loopback(host)):
        raise Refused("The address must begin with https://.")
    literal = _literal(host)
    if literal is not None and not may_reach(literal, loopback=loopback):
        raise Refused("The address leads to a private or reserved network.")
    if literal is None and not loopback and ("." not in host.rstrip(".") or host.endswith((".localhost", ".internal"))):
        raise Refused("The address leads to a private or reserved network.")
    return parts


def may_reach(address: Address, *, loopback: bool) -> bool:
    """Return whether an address is out in the world, whatever it is wrapped in; loopback only where that is allowed."""
    inner = _unwrapped(address)
    if inner.is_loopback:
        return loopback
    return inner.is_global and not inner.is_multicast and not inner.is_reserved and not inner.is_unspecified


def post(
    url: str, *, body: bytes, headers: Mapping[str, str], loopback: bool, seconds: float = DEADLINE_SECONDS
) -> Answer:
    """POST a body and return what came back. Follows no redirect, reads at most 64 KiB, ends in time, never raises."""
    began = time.monotonic()
    try:
        parts = check_url(url, loopback=loopback)
        with _connect(parts, loopback=loopback, deadline=began + seconds) as connection:
            _send(connection, _request(parts, body, headers), began + seconds)
            status, answer_headers, text = _read(connection, began + seconds)
        return Answer(status=status, headers=answer_headers, body=text, milliseconds=_since(began))
    except Refused as refusal:
        return Answer(error=str(refusal), milliseconds=_since(began))
    except TimeoutError:
        return Answer(error=f"No complete answer within {seconds:g} s.", milliseconds=_since(began))
    except ssl.SSLError as error:
        return Answer(error=f"TLS failed: {error.reason or error}", milliseconds=_since(began))
    except (OSError, ValueError) as error:
        return Answer(error=f"No connection: {error}"[:500], milliseconds=_since(began))


def pinned(parts: SplitResult, *, loopback: bool, deadline: float) -> socket.socket:
    """Open a connection to the address that was looked up and judged, for other callers with an address that somebody
    else wrote down. deadline is of time.monotonic(). Raises Refused, OSError."""
    return _connect(parts, loopback=loopback, deadline=deadline)


def _connect(parts: SplitResult, *, loopback: bool, deadline: float) -> socket.socket:
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    targets = [(family, address) for family, _type, _proto, _name, address in found]
    for _family, address in targets:
        if not may_reach(ipaddress.ip_address(str(address[0]).partition("%")[0]), loopback=loopback):
            raise Refused("The address leads to a private or reserved network.")
    family, address = targets[0]
    raw = socket.socket(family, socket.SOCK_STREAM)
    try:
        raw.settimeout(_left(deadline))
        raw.connect(address)
        if parts.scheme != "https":
            return raw
        raw.settimeout(_left(deadline))
        return ssl.create_default_context().wrap_socket(raw, server_hostname=host)
    except BaseException:
        raw.close()
        raise


def _request(parts: SplitResult, body: bytes, headers: Mapping[str, str]) -> bytes:
    path = parts.path or "/"
    target = f"{path}?{parts.query}" if parts.query else path
    lines = [f"POST {target} HTTP/1.1", f"Host: {parts.netloc}", "Connection: close", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode("ascii") + b"\r\n\r\n" + body


def _send(connection: socket.socket, data: bytes, deadline: float) -> None:
    view = memoryview(data)
    while view:
        connection.settimeout(_left(deadline))
        view = view[connection.send(view) :]


def _read(connection: socket.socket, deadline: float) -> tuple[int, dict[str, str], str]:
    """Read until the answer is whole, the other side closes, or 64 KiB are there."""
    received = b""
    while len(received) < MOST_BYTES and not _is_whole(received):
        connection.settimeout(_left(deadline))
        piece = connection.recv(min(16 * 1024, MOST_BYTES - len(received)))
        if not piece:
            break
        received += piece
    head, _blank, body = received.partition(b"\r\n\r\n")
    found = STATUS_LINE.match(head)
    if found is None:
        raise ValueError("the answer is not HTTP" if received else "it was closed without an answer")
    return int(found[1]), _headers(head), body.decode("utf-8", "replace").replace("\x00", "�")


def _is_whole(received: bytes) -> bool:
    head, blank, body = received.partition(b"\r\n\r\n")
    if not blank:
        return False
    headers = _headers(head)
    length = headers.get("content-length", "")
    if length.isdigit():
        return len(body) >= int(length)
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return body.endswith(b"0\r\n\r\n")
    return head[9:12] in (b"204", b"304")


def _headers(head: bytes) -> dict[str, str]:
    pairs = (line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:101])
    return {name.strip().lower()[:100]: value.strip()[:1000] for name, colon, value in pairs if colon}


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _since(began: float) -> int:
    return int((time.monotonic() - began) * 1000)


def _literal(host: str) -> Address | None:
    """Return the address that a host is, in any spelling that a resolver would take (127.1, 0x7f000001), or None."""
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    try:
        return ipaddress.ip_address(socket.inet_aton(host))
    except OSError:
        return None


def _names_loopback(host: str) -> bool:
    literal = _literal(host)
    return host == "localhost" if literal is None else literal.is_loopback


def _unwrapped(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or teredo or address
