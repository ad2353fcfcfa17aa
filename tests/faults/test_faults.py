"""What people see when a server or a process goes away, and that nothing accepted is lost."""

import json

import pytest
import redis

from tests.faults.product import Product

pytestmark = pytest.mark.xdist_group("faults")


def serves(product: Product) -> bool:
    return product.ask("GET", "/api/v1/etl/history")[0] == 200


def new_deal(product: Product) -> str:
    return product.make("print(make_campaign().pk)").splitlines()[-1]


def untold(product: Product) -> int:
    """Return how many events of acme no worker has passed on."""
    return product.query("SELECT count(*) FROM acme.events_outbox WHERE relayed_at IS NULL")[0][0]


def test_beat_queue_and_worker_work_together(product):
    product.wait(lambda: json.loads(product.ask("GET", "/readyz")[2])["checks"]["queue"]["ok"], 90)


def test_the_database_restarts_and_the_site_comes_back_by_itself(product):
    product.wait(lambda: serves(product), 30)

    product.stop_server("postgres")
    answers = [product.ask("GET", path) for path in ("/api/v1/etl/history", "/admin/", "/readyz")]
    alive = product.ask("GET", "/livez")[0]
    product.start_server("postgres")
    took = product.wait(lambda: serves(product), 30)

    assert [status for status, _headers, _text in answers] == [503, 503, 503], answers
    assert all("Retry-After" in headers for _status, headers, _text in answers)
    assert not any("Traceback" in text or "psycopg" in text for _status, _headers, text in answers)
    assert alive == 200
    assert took < 10


def test_without_the_queue_deals_move_and_their_events_go_out_later(product):
    deal = new_deal(product)

    product.stop_server("valkey")
    moved = product.ask("PATCH", f"/api/v1/deals/{deal}/stage", {"stage": "qualified"})
    read = product.ask("GET", f"/api/v1/deals/{deal}")
    waiting = untold(product)
    product.start_server("valkey")
    product.wait(lambda: untold(product) == 0, 90)

    assert moved[0] == 200, moved
    assert json.loads(read[2])["stage"] == "qualified"
    assert waiting >= 1


def test_an_emptied_queue_loses_no_event(product):
    deal = new_deal(product)
    product.kill("worker")
    assert product.ask("PATCH", f"/api/v1/deals/{deal}/stage", {"stage": "qualified"})[0] == 200
    with redis.Redis(unix_socket_path=str(product.state.valkey_socket)) as queue:
        queue.flushall()

    product.start("worker")

    product.wait(lambda: untold(product) == 0, 90)


def test_a_killed_worker_loses_no_accepted_import(product):
    product.make(
        "p = make_podcast(); [print(make_episode(p).pk) for _ in range(40)]",
    )
    episodes = [str(row[0]) for row in product.query("SELECT episode_id FROM acme.episodes")]
    header = "day,episode_id,source,downloads,listeners,completion_rate,ctr,conversions,revenue_cents"
    days = [f"2026-{month:02}-{day:02}" for month in range(1, 10) for day in range(1, 28)]
    rows = [f"{day},{episode},host,{n},,,,," for day in days for n, episode in enumerate(episodes)]

    status, run = product.upload("\n".join([header, *rows]) + "\n")
    product.kill("worker")
    product.start("worker")
    where = f"/api/v1/etl/status/{run['import_id']}"
    took = product.wait(lambda: json.loads(product.ask("GET", where)[2])["status"] in ("completed", "failed"), 120)

    ended = json.loads(product.ask("GET", where)[2])
    assert status == 202
    assert (ended["status"], ended["records_imported"], ended["records_failed"]) == ("completed", len(rows), 0)
    assert product.query("SELECT count(*) FROM acme.listener_metrics")[0][0] == len(rows)
    told = "SELECT count(*) FROM acme.events_outbox WHERE type = 'etl.import_completed' AND subject_id = "
    assert product.query(f"{told}'{run['import_id']}'")[0][0] == 1
    print(f"recovered after {took:.0f} s")
