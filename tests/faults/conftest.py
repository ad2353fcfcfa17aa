"""One whole product for all fault tests of a run: starting it takes longer than any of them.

It ends with the last of them, since its beat keeps a core half busy.
"""

import shutil
import uuid
from collections.abc import Iterator

import pytest

from tests.faults.product import Product
from tests.servers import STATE


@pytest.fixture(scope="package")
def product(django_db_setup, django_db_blocker) -> Iterator[Product]:
    made = Product(STATE.folder / f"faults-{uuid.uuid4().hex[:8]}")
    try:
        with django_db_blocker.unblock():
            made.prepare()
        made.start("web", "worker", "beat")
        made.wait(lambda: made.ask("GET", "/livez")[0] == 200, 90)
        yield made
    finally:
        made.remove()
        shutil.rmtree(made.state.folder, ignore_errors=True)
