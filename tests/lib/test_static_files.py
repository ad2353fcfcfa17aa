"""Names of static files: with a digest once collected, plain before, and compressed where browsers ask."""

from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage

from tracker.lib.static_files import StaticFiles

SHEET = b"body { color: #111 }\n" * 50


@pytest.fixture
def collected(tmp_path: Path) -> StaticFiles:
    """Two files as collectstatic leaves them."""
    return collect(tmp_path)


def collect(tmp_path: Path) -> StaticFiles:
    source = FileSystemStorage(tmp_path / "source")
    storage = StaticFiles(location=tmp_path / "collected", base_url="/static/")
    for name in ("look.css", "look.css.map"):
        source.save(name, ContentFile(SHEET))
        storage.save(name, ContentFile(SHEET))
    list(storage.post_process({name: (source, name) for name in ("look.css", "look.css.map")}))
    return storage


def test_a_collected_file_has_its_digest_in_its_name(collected):
    assert collected.url("look.css").startswith("/static/look.")
    assert collected.url("look.css") != "/static/look.css"


def test_a_file_nobody_collected_keeps_its_plain_name(collected, tmp_path):
    assert collected.url("other.css") == "/static/other.css"
    assert StaticFiles(location=tmp_path / "nothing", base_url="/static/").url("look.css") == "/static/look.css"


def test_where_a_proxy_compresses_nothing_is_compressed_here(settings, tmp_path):
    settings.COMPRESS_STATIC_FILES = False

    storage = collect(tmp_path)

    assert (tmp_path / "collected" / Path(storage.url("look.css")).name).exists()
    assert list((tmp_path / "collected").glob("*.gz")) == []


def test_what_browsers_ask_for_is_compressed_and_nothing_else(collected, tmp_path):
    compressed = {path.name for path in (tmp_path / "collected").glob("*.gz")}

    assert compressed == {Path(collected.url("look.css")).name + ".gz"}
