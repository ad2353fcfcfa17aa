"""Gunicorn's threaded worker, which a restart makes lose no request and a busy neighbour makes wait less.

The library's own stops taking connections on SIGTERM but keeps its listening socket open until the last answer is
out: for those seconds the kernel still accepts callers whom nobody will answer. This one takes who waits already and
closes the door, so that the next caller is refused at once and a proxy asks another host.
"""

import select
import sys
from typing import Any

from django.conf import settings
from django.urls import get_resolver
from gunicorn.workers.gthread import ThreadWorker

from tracker.lib.garbage import settle_in

# A request asks the database some twenty times, and after each answer waits until the thread that is at work lets go.
# By the interpreter's own 5 ms that is a tenth of a second beside one busy thread.
SWITCH_SECONDS = 0.0005


class Worker(ThreadWorker):  # type: ignore[misc]
    def run(self) -> None:
        """Load what the first request would wait for, keep it out of the cycle collector's rounds, and serve."""
        for urls in (settings.ROOT_URLCONF, settings.PUBLIC_SCHEMA_URLCONF):
            _ = get_resolver(urls).url_patterns
        settle_in()
        sys.setswitchinterval(SWITCH_SECONDS)
        super().run()

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
