"""The list of promises names tests that exist, and leaves no promise out."""

import re

from tracker.stack.state import PROJECT

LIST = (PROJECT / "docs/promises.md").read_text()


def test_every_promise_has_a_line_and_none_is_blank():
    lines = re.findall(r"^\| (\d+) \| ([^|]+) \| (\w+) \| ([^|]+) \| ([^|]+) \|$", LIST, re.MULTILINE)

    assert [int(number) for number, *_rest in lines] == list(range(1, 57))
    for number, _promise, state, shown_by, missing in lines:
        assert state in ("shown", "part", "open"), number
        assert (shown_by.strip() != "-") == (state != "open"), number
        assert missing.strip() != "-" or state == "shown", number


def test_every_test_it_names_is_there():
    for path, name in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", LIST):
        assert re.search(rf"def {name}\b", (PROJECT / path).read_text()), f"{path}::{name}"
