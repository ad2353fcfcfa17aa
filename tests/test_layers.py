"""Imports point down: an app may import those below it, never those above, and nobody imports the wiring."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.sources import PROJECT, imports_in, nodes_of, product_files

# From the top down. Each may import whatever stands below it. The demo builds through everybody's services.
LAYERS = [
    "tracker.demo",
    "tracker.dashboards",
    "etl",
    "matchmaking",
    "bookings",
    "deals",
    "metrics",
    "tracker.automation",
    "tracker.events",
    "tracker.api",
    "tracker.flags",
    "tracker.tenants",
    "tracker.accounts",
    "tracker.lib",
]
WIRING = {
    f"tracker.{name}" for name in ("settings", "urls", "urls_platform", "celery", "schedules", "wsgi", "gunicorn")
}
# The embedded servers run before Django does, so they import nothing of ours and settings read their addresses.
ALONE = "tracker.stack"


def test_imports_point_down():
    assert list(_upward_imports()) == []


def test_the_wiring_is_imported_by_wiring_alone():
    found = [
        f"{path}:{line} imports {target}"
        for path, module, line, target in _imports()
        if target in WIRING and module not in WIRING and module != "tracker"
    ]
    assert found == []


def test_the_platform_does_not_speak_of_podcasts():
    words = {"podcasts", "campaign", "iobooking", "ad_unit"}
    platform = [layer for layer in LAYERS[LAYERS.index("tracker.automation") :] if layer != "tracker.accounts"]
    found = [
        f"{path.relative_to(PROJECT)}: {name}"
        for layer in platform
        for path in (PROJECT / layer.replace(".", "/")).rglob("*.py")
        for name in _names(path)
        if any(word in name.lower() for word in words)
    ]
    assert found == []


def test_an_upward_import_would_be_found():
    rank = LAYERS.index

    assert rank("deals") > rank("bookings") > rank("matchmaking") > rank("etl")
    assert _layer("deals.models.desk") == "deals"
    assert _layer("tracker.events.relay") == "tracker.events"
    source = """
try:
    from bookings.models import AdUnit
except ImportError:
    with x: import etl.readers as r
def f():
    if f: from . import y
    else:
        match f:
            case 1: import deals.rules
"""
    assert sorted(imports_in(source)) == [(3, "bookings.models"), (5, "etl.readers"), (10, "deals.rules")]


def _upward_imports() -> Iterator[str]:
    for path, module, line, target in _imports():
        mine, theirs = _layer(module), _layer(target)
        if mine is None or theirs is None:
            continue
        if LAYERS.index(theirs) < LAYERS.index(mine):
            yield f"{path}:{line} {mine} imports {target}, which stands above it"


@cache
def _imports() -> list[tuple[Path, str, int, str]]:
    found = []
    for path in product_files():
        relative = path.relative_to(PROJECT)
        module = ".".join(relative.with_suffix("").parts).removesuffix(".__init__")
        for line, target in imports_in(path.read_text()):
            if not module.startswith(ALONE):
                found.append((relative, module, line, target))
    return found


def _layer(module: str) -> str | None:
    return next((layer for layer in LAYERS if module == layer or module.startswith(f"{layer}.")), None)


def _names(path: Path) -> Iterator[str]:
    for node in nodes_of(path):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            yield node.name
        elif isinstance(node, ast.Name):
            yield node.id
