"""The self-check names tests that exist, and every requirement of levels 1 and 2 once."""

import re

import pytest

from tracker.stack.state import PROJECT

PAGE = (PROJECT / "docs/security.md").read_text()
ROWS = re.findall(r"^\| (\d+\.\d+\.\d+.*?) \| (.*?) \| ?(.*?) ?\|$", PAGE, re.MULTILINE)
# How many requirements of levels 1 and 2 each chapter of ASVS 5.0.0 has; of 10 and 17, which concern parts that the
# product does not have, the page names the span only.
REQUIRED = {1: 27, 2: 11, 3: 19, 4: 10, 5: 9, 6: 35, 7: 18, 8: 7, 9: 7, 11: 14, 12: 9, 13: 13, 14: 9, 15: 13, 16: 16}


def numbers(cell: str) -> list[str]:
    first, _to, last = cell.partition(" to ")
    found = re.findall(r"\d+\.\d+\.\d+", cell)
    if last and re.match(r"\d+\.\d+\.\d+", last) and found[-2].rpartition(".")[0] == found[-1].rpartition(".")[0]:
        section, _dot, start = found[-2].rpartition(".")
        end = int(found[-1].rpartition(".")[2])
        return found[:-2] + [f"{section}.{n}" for n in range(int(start), end + 1)]
    return found


def test_every_row_says_how_it_stands():
    for cell, state, how in ROWS:
        assert re.match(r"met|met in part|not met|operator|none", state), cell
        assert how.strip() or state == "none", cell


@pytest.mark.parametrize("chapter", REQUIRED)
def test_every_requirement_of_a_chapter_is_there_once(chapter):
    named = [one for cell, _state, _how in ROWS for one in numbers(cell) if one.split(".")[0] == str(chapter)]

    assert len(named) == len(set(named))
    assert len(named) == REQUIRED[chapter], named


def test_every_test_it_names_is_there():
    path = None
    for named in re.findall(r"`((?:[a-z_]+/)*test_[a-z_]+(?:::\w+)?|::test_\w+)`", PAGE):
        file, _colons, name = named.partition("::")
        path = PROJECT / "tests" / f"{file}.py" if file else path
        assert path is not None, named
        assert path.exists(), named
        assert not name or re.search(rf"def {name}\b", path.read_text()), named
