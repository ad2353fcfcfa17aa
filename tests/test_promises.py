"""The list of promises names tests that exist, and leaves no promise out."""

import re

from tracker.stack.state import PROJECT

LIST = (PROJECT / "docs/promises.md").read_text()


def test_every_promise_has_a_line_and_none_is_blank():
    lines = re.findall(r"^\| (\d+) \| ([^|]+) \| (\w+) \| ([^|]+) \| ([^|]+) \|$", LIST, re.MULTILINE)

    assert [int(number) for number, *_rest in lines] == list(range(1, 57))
    for number, _promise, state, shown_by, missing in lines:
        assert state in ("shown", "part"), number
        assert re.search(r"`(tests|scripts)/", shown_by), number
        assert missing.strip() != "-" or state == "shown", number
    states = [state for _number, _promise, state, *_rest in lines]
    assert f"{states.count('shown')} are shown, {states.count('part')} in part" in LIST


def test_every_test_and_drill_it_names_is_there():
    for script in re.findall(r"`(scripts/[\w/]+\.py)`", LIST):
        assert (PROJECT / script).exists(), script
    for path, name in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", LIST):
        assert re.search(rf"def {name}\b", (PROJECT / path).read_text()), f"{path}::{name}"
