"""The thread that was at work last gets the next piece of work, and none is lost."""

import threading
from concurrent.futures import ThreadPoolExecutor, wait

import pytest

from tracker.lib.warm_threads import warmest_first


@pytest.fixture
def pool():
    with warmest_first(ThreadPoolExecutor(4)) as made:
        yield made


def wake_all(pool: ThreadPoolExecutor) -> None:
    """Let four threads be at work at once, so that all of them are there and then wait."""
    together = threading.Barrier(4, timeout=10)
    wait([pool.submit(together.wait) for _n in range(4)])


def test_one_after_the_other_is_done_by_one_thread(pool):
    wake_all(pool)
    pool.submit(threading.get_ident).result(10)

    assert len({pool.submit(threading.get_ident).result(10) for _n in range(50)}) <= 2


def test_what_comes_at_once_is_done_at_once_by_all(pool):
    wake_all(pool)
    wake_all(pool)


def test_more_than_there_are_threads_wait_and_are_all_done(pool):
    assert sorted(done.result(10) for done in [pool.submit(abs, -n) for n in range(500)]) == list(range(500))


def test_a_pool_that_ends_lets_all_its_threads_end():
    before = threading.active_count()
    with warmest_first(ThreadPoolExecutor(4)) as pool:
        wake_all(pool)

    assert threading.active_count() == before
