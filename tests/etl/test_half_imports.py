"""A reader sees an import whole or not at all, whenever it looks."""

import threading
import time
from datetime import date, timedelta

import psycopg
import pytest
from django.db import connection

from tests.etl.files import bring_in, metrics_csv
from tests.factories import make_episode, make_podcast


@pytest.mark.own_database
def test_a_reader_who_looks_every_twentieth_of_a_second_never_sees_half_an_import(tenant):
    episodes = [make_episode(make_podcast()) for _ in range(4)]
    days = [date(2024, 1, 1) + timedelta(days=n) for n in range(500)]
    text = metrics_csv(*(f"{day},{episode.pk},host,{n},,,,," for n, day in enumerate(days) for episode in episodes))
    bring_in(metrics_csv(f"2023-12-31,{episodes[0].pk},host,5,,,,,"))
    seen, looked, over = [], threading.Event(), threading.Event()
    params = connection.get_connection_params()

    def look() -> None:
        with psycopg.connect(
            host=params["host"], user=params["user"], dbname=params["dbname"], autocommit=True
        ) as reader:
            while not over.wait(0.05):
                seen.append(reader.execute("SELECT count(*) FROM acme.listener_metrics").fetchone()[0])
                looked.set()

    reader = threading.Thread(target=look)
    reader.start()
    try:
        assert looked.wait(30)
        run = bring_in(text)
        time.sleep(0.2)
    finally:
        over.set()
        reader.join()

    assert run.records_imported == 2000
    assert set(seen) == {1, 2001}
