"""What people see when a server or a process goes away, and that nothing accepted is lost."""

import json
import re
import resource
import shutil

import redis

from tests.faults.product import APP_ROLE, Product


def serves(product: Product) -> bool:
    return product.ask("GET", "/api/v1/etl/history")[0] == 200


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
    deal = product.deals.pop()

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
    deal = product.deals.pop()
    product.kill("worker")
    assert product.ask("PATCH", f"/api/v1/deals/{deal}/stage", {"stage": "qualified"})[0] == 200
    with redis.Redis(unix_socket_path=str(product.state.valkey_socket)) as queue:
        queue.flushall()

    product.start("worker")

    product.wait(lambda: untold(product) == 0, 90)


def test_a_job_over_its_time_is_ended_told_and_tried_again(product):
    def told() -> dict:
        return json.loads(product.ask("GET", f"/api/v1/automation/runs/{run}")[2])

    product.kill("worker")
    product.start("worker", TASK_SECONDS="2")
    with product.connect() as holding:
        holding.execute("LOCK TABLE acme.matches IN ACCESS EXCLUSIVE MODE")
        # Whose message was lost: the sweep, which this worker carries out, sends it with this worker's limit.
        [(run,)] = product.query(
            "INSERT INTO acme.job_runs (run_id, job, status, started_by, queued_at, attempts, result, error) VALUES "
            "(gen_random_uuid(), 'recalculate-matches', 'queued', '{}', now() - interval '2 minutes', 0, '{}', '') "
            "RETURNING run_id"
        )
        product.wait(lambda: told()["error"] != "", 60)
        first = told()
    product.wait(lambda: told()["status"] not in ("queued", "running"), 60)
    product.kill("worker")
    product.start("worker")

    assert first["error"] == "Try 1 of 3: It ran longer than its limit of 2 s and was ended."
    assert (told()["status"], told()["error"]) == ("completed", "")


def test_a_killed_worker_loses_no_accepted_import(product):
    header = "day,episode_id,source,downloads,listeners,completion_rate,ctr,conversions,revenue_cents"
    days = [f"2026-{month:02}-{day:02}" for month in range(1, 10) for day in range(1, 28)]
    rows = [f"{day},{episode},host,{n},,,,," for day in days for n, episode in enumerate(product.episodes)]

    status, run = product.upload("\n".join([header, *rows]) + "\n")
    product.kill("worker")
    # Its lease of half a minute is over at once, so that the test need not wait for it.
    product.query("UPDATE acme.etl_imports SET heartbeat_at = heartbeat_at - interval '1 minute'")
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


def test_two_beats_and_a_pause_make_one_run_of_each_tick(product):
    def runs() -> tuple[int, int]:
        """Return the runs of the reaper, and the different ticks among them."""
        return product.query("SELECT count(*), count(DISTINCT tick) FROM acme.job_runs WHERE job = 'reap-imports'")[0]

    def asked(beat: str) -> int:
        return (product.state.logs / f"{beat}.log").read_text().count("Sending due task job reap-imports")

    product.start("beat-2")
    before, first = runs()[0], asked("beat")
    product.wait(lambda: runs()[0] >= before + 4 and asked("beat") > first and asked("beat-2") > 1, 120)
    product.kill("beat")
    product.kill("beat-2")
    product.query("DELETE FROM acme.job_runs WHERE job = 'etl-health-check'")
    product.query(
        "UPDATE django_celery_beat_periodictask SET last_run_at = now() - interval '5 hours' "
        "WHERE name = 'job etl-health-check'"
    )
    missed = "SELECT count(*) FROM acme.job_runs WHERE job = 'etl-health-check'"
    product.start("beat")
    product.wait(lambda: product.query(missed)[0][0] > 0, 120)
    seen = runs()[0]
    product.wait(lambda: runs()[0] > seen, 60)  # beat goes on
    made, ticks = runs()

    assert made == ticks
    assert product.query(missed) == [(1,)]  # five hours were missed, one run caught them up


def test_a_full_disk_refuses_an_upload_in_words_and_keeps_what_was_accepted(product):
    product.wait(lambda: serves(product), 30)
    accepted = product.query("SELECT count(*) FROM acme.etl_imports")[0][0]
    row = "2026-01-01,00000000-0000-0000-0000-000000000000,host,1,,,,,\n"
    large = "day,episode_id,source,downloads,listeners,completion_rate,ctr,conversions,revenue_cents\n" + row * 80_000
    limits = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in product.children("web")}
    for pid in limits:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1_000_000, limits[pid][1]))
    try:
        status, refused = product.upload(large)
    finally:
        for pid, limit in limits.items():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, limit)
    after = product.query("SELECT count(*) FROM acme.etl_imports")[0][0]
    again, run = product.upload(large)

    assert (status, refused["code"]) == (507, "no_room")
    assert "send it again later" in refused["detail"]
    assert after == accepted
    assert (again, run["status"]) == (202, "pending")
    assert serves(product)


def test_one_request_id_runs_through_web_and_worker(product):
    def ids(part: str, line: str) -> set[str]:
        lines = (product.state.logs / f"{part}.log").read_text().splitlines()
        return {found[1] for one in lines if line in one and (found := re.search(r"request_id=['\"]?([\w-]+)", one))}

    known = ids("web", "POST /api/v1/etl/upload")
    header = "day,episode_id,source,downloads,listeners,completion_rate,ctr,conversions,revenue_cents"
    product.upload(f"{header}\n2026-01-01,00000000-0000-0000-0000-000000000000,host,1,,,,,\n")

    product.wait(lambda: ids("web", "POST /api/v1/etl/upload") - known, 30)
    [ours] = ids("web", "POST /api/v1/etl/upload") - known
    product.wait(lambda: ours in ids("worker", "run_imports"), 60)


def test_web_and_worker_own_nothing_and_can_change_no_table(product):
    owned = "SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE r.rolname = 'tracker_app'"
    working = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'tracker_app'"
    may = "SELECT rolsuper, rolcreatedb, rolcreaterole, rolbypassrls FROM pg_roles WHERE rolname = 'tracker_app'"

    assert product.query(owned) == [(0,)]
    assert product.query(working)[0][0] > 0
    assert product.query(may) == [(False, False, False, False)]


def test_a_destroyed_database_comes_back_from_its_backup_with_the_same_checksums(product):
    def checksums() -> dict[str, str]:
        tables = product.query(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('public', 'platform', 'acme', 'beta')"
        )
        digest = "md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), ''))"
        asked = [f'SELECT \'{schema}.{name}\', {digest} FROM "{schema}"."{name}" t' for schema, name in tables]
        return dict(product.query(" UNION ALL ".join(asked)))

    product.wait(lambda: untold(product) == 0, 90)
    for part in ("beat", "worker", "web"):
        product.kill(part)
    folder = product.state.folder / "backup"
    product.manage("backup", str(folder))
    before = checksums()

    product.stop_server("postgres")
    shutil.rmtree(product.servers.postgres.data)
    product.start_server("postgres")
    assert product.query("SELECT count(*) FROM pg_tables WHERE schemaname = 'acme'") == [(0,)]
    product.manage("restore", str(folder))
    after = checksums()
    product.manage("grant_app_role", APP_ROLE)
    product.start("web")

    assert len(before) > 200
    assert after == before
    product.wait(lambda: serves(product), 60)
