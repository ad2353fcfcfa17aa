"""Partners' webhooks through real processes: the sender is killed in the middle, the receiver fails and restarts."""

import json
import socket
import threading

from tests.tracker.events.receiver import Receiver, answer, late

STAGES = ("qualified", "proposal", "negotiation")


def ids_of(requests: list[dict]) -> set[str]:
    return {one["body"]["id"] for one in requests}


def test_a_killed_worker_and_a_bad_receiver_lose_nothing_and_keep_the_order_of_each_object(product):
    held, released = threading.Event(), threading.Event()

    def hold(connection: socket.socket) -> None:
        """Take the event and never answer: this is where the sender dies."""
        held.set()
        released.wait(150)
        raise ConnectionAbortedError

    with Receiver(answer(500), late(0.5), hold) as before:
        port, url = before.port, before.url
        body = {"url": url, "event_types": ["deal.stage_changed"]}
        status, _headers, text = product.ask("POST", "/api/v1/webhooks", body)
        assert status == 201, text
        hook = json.loads(text)["webhook_id"]
        deals = [product.deals.pop() for _ in range(2)]
        for stage in STAGES:
            for deal in deals:
                assert product.ask("PATCH", f"/api/v1/deals/{deal}/stage", {"stage": stage})[0] == 200
        product.wait(held.is_set, 60)

        product.kill("worker")
        in_flight = before.got[-1]["body"]["id"]
    # The dead sender's lease of 25 seconds is over at once, so that the test need not wait for it.
    product.query("UPDATE acme.webhook_endpoints SET busy_until = now() WHERE busy_until > now()")
    with Receiver(answer(503), late(1.0), port=port) as after:
        product.start("worker")
        took = product.wait(lambda: len(ids_of([*before.taken, *after.taken])) == 6, 150)
    released.set()

    got, taken = [*before.got, *after.got], [*before.taken, *after.taken]
    told = product.query("SELECT event_id, seq, subject_id FROM acme.events_outbox WHERE type = 'deal.stage_changed'")
    wanted = {str(event): (seq, subject) for event, seq, subject in told if subject in deals}
    assert ids_of(taken) == set(wanted)
    assert len([one for one in got if one["body"]["id"] == in_flight]) >= 2
    for deal in deals:
        order = [wanted[one["body"]["id"]][0] for one in taken if wanted[one["body"]["id"]][1] == deal]
        assert list(dict.fromkeys(order)) == sorted(set(order))
    log = json.loads(product.ask("GET", f"/api/v1/webhooks/{hook}/deliveries?fields=status,attempts")[2])["results"]
    assert [one["status"] for one in log] == ["delivered"] * 6
    assert product.ask("DELETE", f"/api/v1/webhooks/{hook}")[0] == 204
    print(f"all told {took:.0f} s after the worker came back")
