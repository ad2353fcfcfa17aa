"""No address inside can be reached, at saving or at sending, and no receiver holds a sender for long."""

import socket
import time

import pytest

from tests.tracker.events.receiver import Receiver, answer, drip, gush, hang, reset
from tracker.events.exchange import MOST_BYTES, Refused, check_url, may_reach, post

INSIDE = [
    "http://example.com/",
    "ftp://example.com/",
    "https:///x",
    "https://user@example.com/",
    "https://user:pw@example.com/",
    "https://example.com:0/",
    "https://example.com:99999/",
    "https://exa mple.com/",
    "https://example.com/#part",
    "https://example.com/\r\nX-Evil: 1",
    "https://bücher.example/",
    "https://localhost/",
    "https://db/",
    "https://api.localhost/",
    "https://metadata.google.internal/",
    "https://127.0.0.1/",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0177.0.0.1/",
    "https://0.0.0.0/",
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://192.168.1.1/",
    "https://169.254.169.254/latest/meta-data",
    "https://100.64.0.1/",
    "https://192.0.2.1/",
    "https://198.18.0.1/",
    "https://224.0.0.1/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[fe80::1]/",
    "https://[fc00::1]/",
    "https://[2002:7f00:1::]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[ff02::1]/",
    "javascript:alert(1)",
    "not an address",
    "",
]


@pytest.mark.parametrize("url", INSIDE)
def test_an_address_inside_is_refused_when_it_is_written_down(url):
    with pytest.raises(Refused):
        check_url(url, loopback=False)


@pytest.mark.parametrize(
    "url", ["https://example.com/hook", "https://hooks.example.com:8443/a?b=c", "https://8.8.8.8/"]
)
def test_an_address_out_in_the_world_is_taken(url):
    assert check_url(url, loopback=False).scheme == "https"


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "100.64.1.1", "::1", "fd00::1"])
def test_a_name_that_leads_inside_is_refused_when_it_is_called(monkeypatch, address):
    import ipaddress

    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    found = [(family, socket.SOCK_STREAM, 6, "", (address, 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: found)
    monkeypatch.setattr(socket.socket, "connect", lambda *args: pytest.fail("it was reached"))

    said = post("https://rebound.example.com/", body=b"{}", headers={}, loopback=False)

    assert said.status is None
    assert "private" in said.error
    assert not may_reach(ipaddress.ip_address(address), loopback=False)


def test_one_address_inside_among_many_is_enough_to_refuse(monkeypatch):
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 443)) for one in ("8.8.8.8", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: found)
    monkeypatch.setattr(socket.socket, "connect", lambda *args: pytest.fail("it was reached"))

    assert "private" in post("https://two.example.com/", body=b"{}", headers={}, loopback=False).error


def test_loopback_is_for_integrators_on_their_own_machine():
    with Receiver(answer(200, body="fine")) as receiver:
        refused = post(receiver.url, body=b"{}", headers={}, loopback=False)
        taken = post(receiver.url, body=b'{"a":1}', headers={"X-A": "1"}, loopback=True)

    assert refused.error
    assert (taken.status, taken.body) == (200, "fine")
    assert len(receiver.got) == 1
    assert (receiver.got[0]["line"], receiver.got[0]["raw"]) == ("POST /hook HTTP/1.1", b'{"a":1}')


def test_a_redirect_is_not_followed():
    with Receiver() as canary, Receiver(answer(302, f"Location: {canary.url}\r\n")) as receiver:
        said = post(receiver.url, body=b"{}", headers={}, loopback=True)

    assert (said.status, said.is_success) == (302, False)
    assert canary.got == []


@pytest.mark.parametrize("behave", [hang(3), drip], ids=["hanging", "dripping"])
def test_one_deadline_holds_for_the_whole_exchange(behave):
    began = time.monotonic()
    with Receiver(behave) as receiver:
        said = post(receiver.url, body=b"{}", headers={}, loopback=True, seconds=0.6)
        took = time.monotonic() - began

    assert "No complete answer" in said.error
    assert took < 1.5


def test_a_gushing_receiver_is_read_no_further_than_64_kib():
    with Receiver(gush) as receiver:
        said = post(receiver.url, body=b"{}", headers={}, loopback=True, seconds=5)

    assert said.status == 200
    assert len(said.body) <= MOST_BYTES


@pytest.mark.parametrize("behave", [reset, lambda connection: None, lambda connection: connection.sendall(b"hello")])
def test_an_answer_that_is_none_is_a_failure_in_words(behave):
    with Receiver(behave) as receiver:
        said = post(receiver.url, body=b"{}", headers={}, loopback=True, seconds=2)

    assert said.status is None
    assert said.error.startswith("No connection")


def test_nobody_there_is_a_failure_in_words():
    with Receiver() as receiver:
        url = receiver.url

    assert "No connection" in post(url, body=b"{}", headers={}, loopback=True, seconds=2).error
