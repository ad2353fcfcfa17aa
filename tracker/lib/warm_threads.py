"""Threads of which the one that was at work last is given the next piece of work.

Each thread has a connection of its own to the database, which learns the tables, triggers and plans of every tenant
that it serves. In turn, all of them learn everything; this way, while there is little to do, one or two do it all.
"""

import queue
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Any


class LastFirst:
    """A queue whose next item goes to the thread that began to wait last; items that wait go out in their order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._items: deque[Any] = deque()
        self._waiting: list[queue.SimpleQueue[Any]] = []

    def put(self, item: Any) -> None:
        with self._lock:
            if not self._waiting:
                self._items.append(item)
                return
            last = self._waiting.pop()
        last.put(item)

    def get(self, block: bool = True) -> Any:
        """Return the next item. Raises queue.Empty when there is none and nobody wants to wait."""
        with self._lock:
            if self._items:
                return self._items.popleft()
            if not block:
                raise queue.Empty
            mine: queue.SimpleQueue[Any] = queue.SimpleQueue()
            self._waiting.append(mine)
        return mine.get()

    def get_nowait(self) -> Any:
        return self.get(block=False)


def warmest_first(pool: ThreadPoolExecutor) -> ThreadPoolExecutor:
    """Let a pool that has no threads yet hand out its work in this way."""
    pool._work_queue = LastFirst()  # type: ignore[assignment]
    return pool
