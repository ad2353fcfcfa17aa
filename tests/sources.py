"""The product's own code, for tests that read it."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
ROOTS = ("tracker", "etl", "matchmaking", "bookings", "deals", "metrics")


@cache
def product_files(*, that_say: str = "") -> tuple[Path, ...]:
    """Every Python file of the product, in order; those alone in which a text stands."""
    paths = (path for root in ROOTS for path in sorted((PROJECT / root).rglob("*.py")))
    return tuple(path for path in paths if that_say in path.read_text())


def nodes_of(path: Path) -> Iterator[ast.AST]:
    """Every node of a file's tree. Keep what you find, not the nodes: all of them are a hundred megabytes."""
    return ast.walk(ast.parse(path.read_text()))


def imports_in(source: str) -> Iterator[tuple[int, str]]:
    """Yield (line, module) of every absolute import of a source, also of those inside functions."""
    waiting: list[ast.AST] = [ast.parse(source)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module
        # Imports are statements: what stands inside of expressions need not be walked through.
        for part in ("body", "orelse", "finalbody", "handlers", "cases"):
            inside = getattr(node, part, ())
            waiting += inside if isinstance(inside, list) else ()
