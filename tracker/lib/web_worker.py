"""Gunicorn's threaded worker, which a restart makes lose no request.

The library's own stops taking connections on SIGTERM but keeps its listening socket open until the last answer is
out: for those seconds the kernel still accepts callers whom nobody will answer. This one takes who waits already and
closes the door, so that the next caller is refused at once and a proxy asks another host.
"""

import select
from typing import Any

from gunicorn.workers.gthread import ThreadWorker


class Worker(ThreadWorker):  # type: ignore[misc]
    def set_accept_enabled(self, enabled: bool) -> None:
        """Receive the word to take connections or not; the last one comes when this process is to end."""
        super().set_accept_enabled(enabled)
        if not self.alive:
            for listener in self.sockets:
                self._take_who_waits(listener)
                listener.close()

    def _take_who_waits(self, listener: Any) -> None:
        listener.setblocking(False)
        while select.select([listener], [], [], 0)[0]:
            before = self.nr_conns
            self.accept(listener)
            if self.nr_conns == before:
                return  # another process took them
