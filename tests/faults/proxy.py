"""A network that misbehaves: a TCP proxy whose way of failing can be changed while connections run through it."""

import contextlib
import socket
import struct
import threading
import time
from enum import StrEnum

Address = tuple[str, int]
PIECE = 65_536
ONE_WAY = 0.15  # seconds, in either direction
BYTES_A_SECOND = 32_768
CUT_AFTER = 16_384
FLAP = 2.0


class Mode(StrEnum):
    """What happens to what runs through."""

    CLEAR = "clear"
    LATE = "late"  # 300 ms there and back
    NARROW = "narrow"  # 256 kbit/s
    CUT = "cut"  # each connection ends in the middle of an answer, after 16 KiB
    RESET = "reset"  # every connection is reset, the new ones once a second
    REFUSED = "refused"  # nobody listens
    HOLE = "hole"  # connections are taken, nothing comes through until the hole is closed
    FLAPPING = "flapping"  # two seconds clear, two seconds refused


class Proxy:
    """Listens on an address and passes on to another, both ways, in its present mode."""

    def __init__(self, listen: Address, target: Address) -> None:
        self.listen, self.target, self.mode = listen, target, Mode.CLEAR
        self.since = time.monotonic()  # when the mode began
        self.changed = threading.Condition()
        self.links: set[socket.socket] = set()
        self.is_over = False
        self.listener: socket.socket | None = None
        self.keeper = threading.Thread(target=self._keep, daemon=True)
        self.keeper.start()

    def set(self, mode: Mode) -> None:
        """Change the mode, for connections that run and those to come."""
        with self.changed:
            self.mode = mode
            self.since = time.monotonic()
            self.changed.notify_all()

    def close(self) -> None:
        self.is_over = True
        self.set(Mode.CLEAR)
        self.keeper.join(10)
        self._reset_all()

    # --- who listens --------------------------------------------------------------------------------------------------
    def _keep(self) -> None:
        """Listen, or not, as the mode has it, and take connections."""
        while not self.is_over:
            if self._is_refusing():
                self._shut()
                time.sleep(0.02)
            elif not self._take():
                continue
            if self.mode == Mode.RESET and time.monotonic() - self.since > 1:
                self.since = time.monotonic()
                self._reset_all()
        self._shut()

    def _is_refusing(self) -> bool:
        since = time.monotonic() - self.since
        return self.mode == Mode.REFUSED or (self.mode == Mode.FLAPPING and since % (2 * FLAP) < FLAP)

    def _shut(self) -> None:
        if self.listener is not None:
            self.listener.close()
            self.listener = None
            self._reset_all()

    def _take(self) -> bool:
        if self.listener is None:
            self.listener = socket.create_server(self.listen, backlog=128)
            self.listener.settimeout(0.05)
        try:
            caller, _address = self.listener.accept()
        except OSError:
            return True
        threading.Thread(target=self._join, args=(caller,), daemon=True).start()
        return True

    # --- what runs through --------------------------------------------------------------------------------------------
    def _join(self, caller: socket.socket) -> None:
        self._wait_while_hole()
        try:
            server = socket.create_connection(self.target, 5)
        except OSError:
            _reset(caller)
            return
        caller.settimeout(None)
        server.settimeout(None)
        with self.changed:
            self.links |= {caller, server}
        back = threading.Thread(target=self._pump, args=(server, caller, True), daemon=True)
        back.start()
        self._pump(caller, server, False)
        back.join()
        with self.changed:
            self.links -= {caller, server}
        caller.close()
        server.close()

    def _pump(self, source: socket.socket, sink: socket.socket, is_answer: bool) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := source.recv(PIECE):
                self._wait_while_hole()
                passed = passed + len(data) if self.mode == Mode.CUT else 0
                if is_answer and passed > CUT_AFTER:
                    sink.sendall(data[: len(data) // 2])
                    _reset(source)
                    break
                self._pass(sink, data)
        # The other pump, which waits for the other side, ends by this too.
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _pass(self, sink: socket.socket, data: bytes) -> None:
        if self.mode == Mode.LATE:
            time.sleep(ONE_WAY)
        step = BYTES_A_SECOND // 20 if self.mode == Mode.NARROW else PIECE
        for start in range(0, len(data), step):
            piece = data[start : start + step]
            if self.mode == Mode.NARROW:
                time.sleep(len(piece) / BYTES_A_SECOND)
            sink.sendall(piece)

    def _wait_while_hole(self) -> None:
        with self.changed:
            self.changed.wait_for(lambda: self.mode != Mode.HOLE)

    def _reset_all(self) -> None:
        with self.changed:
            links, self.links = self.links, set()
        for link in links:
            _reset(link)


def _reset(link: socket.socket) -> None:
    """End a connection so that the other side sees it broken, not finished."""
    with contextlib.suppress(OSError):
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        link.shutdown(socket.SHUT_RDWR)
    link.close()
