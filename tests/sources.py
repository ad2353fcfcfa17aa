"""The product's own code, for tests that read it."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
ROOTS = ("tracker", "etl", "matchmaking", "bookings", "deals", "metrics")


@cache
def product_files() -> tuple[Path, ...]:
    """Every Python file of the product, in order."""
    return tuple(path for root in ROOTS for path in sorted((PROJECT / root).rglob("*.py")))


def nodes_of(path: Path) -> Iterator[ast.AST]:
    """Every node of a file's tree. Keep what you find, not the nodes: all of them are a hundred megabytes."""
    return ast.walk(ast.parse(path.read_text()))
