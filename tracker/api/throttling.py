"""How often one caller may ask, told with every answer (RateLimit headers)."""

import time
from typing import Any

from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from tracker.accounts.models import ApiKey
from tracker.lib.addresses import client_address


class PerCaller(SimpleRateThrottle):
    """A fixed window for each key, person or, before either is known, address.

    One atomic counter in the cache, under the tenant's prefix. Without the cache nobody is held up.
    """

    scope = "caller"

    def get_cache_key(self, request: Request, view: Any) -> str:
        if isinstance(request.auth, ApiKey):
            return f"throttle:key:{request.auth.pk}"
        if request.user and request.user.is_authenticated:
            return f"throttle:user:{request.user.pk}"
        return f"throttle:address:{client_address(request)}"

    def allow_request(self, request: Request, view: Any) -> bool:
        if self.rate is None:
            return True
        now = time.time()
        window = int(now // self.duration)
        self.reset_after = (window + 1) * self.duration - now
        key = f"{self.get_cache_key(request, view)}:{window}"
        try:
            used = self._count(key)
        except RedisError:
            return True
        remaining = max(0, self.num_requests - used)
        request._request.rate_limit = (self.num_requests, remaining, int(self.reset_after) + 1)
        return used <= self.num_requests

    def _count(self, key: str) -> int:
        """Count this request in its window, and return how many it has: one call, two for the first of a window."""
        # The cache's own incr() asks first whether the key is there: a second call for each request.
        server = self.cache._cache.get_client(key, write=True)
        name = self.cache.make_and_validate_key(key)
        used = int(server.incr(name))
        if used == 1:
            server.expire(name, int(self.duration) + 1)
        return used

    def wait(self) -> float:
        return self.reset_after


def add_headers(request: Any, response: Any) -> None:
    """Write what is left of the caller's window into an answer."""
    told = getattr(request, "rate_limit", None)
    if told:
        limit, remaining, reset = told
        response["RateLimit-Limit"] = str(limit)
        response["RateLimit-Remaining"] = str(remaining)
        response["RateLimit-Reset"] = str(reset)
