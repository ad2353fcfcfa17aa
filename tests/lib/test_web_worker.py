"""The web process is ready before its first request, and lets requests that wait for the database have their turn."""

import gc
import sys

from django.urls import clear_url_caches, get_resolver
from gunicorn.workers.gthread import ThreadWorker

from tracker.lib.web_worker import Worker


def test_a_web_process_serves_with_its_pages_loaded_and_hands_over_quickly(monkeypatch):
    said = []
    monkeypatch.setattr(gc, "freeze", lambda: said.append("what is loaded is kept out of the collector's rounds"))
    monkeypatch.setattr(ThreadWorker, "run", lambda _self: said.append(loaded()))
    monkeypatch.setattr(sys, "setswitchinterval", lambda seconds: said.append(f"hands over after {1000 * seconds} ms"))
    clear_url_caches()

    Worker.run(object.__new__(Worker))

    assert said == [
        "what is loaded is kept out of the collector's rounds",
        "hands over after 0.5 ms",
        "serves with pages of tenants and platform loaded",
    ]


def loaded() -> str:
    both = [get_resolver("tracker.urls"), get_resolver("tracker.urls_platform")]
    names = [name for name, one in zip(("tenants", "platform"), both, strict=True) if "url_patterns" in vars(one)]
    return f"serves with pages of {' and '.join(names)} loaded"
