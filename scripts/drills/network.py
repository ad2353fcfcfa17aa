"""Hosts of a drill on a network of their own: namespaces joined by a bridge, or the loopback where that cannot be."""

import os
import shutil
import socket
import subprocess
from contextlib import suppress

LOOPBACK = "127.0.0.1"


class Loopback:
    """All hosts share this machine's loopback and differ in port and folder."""

    words = "hosts share the loopback: this machine lets nobody make network namespaces"

    def __init__(self) -> None:
        # PostgreSQL keeps its usual port, at an address of the loopback that nobody else uses.
        self.server = f"127.{os.getpid() % 250 + 1}.{os.getpid() // 250 % 250 + 1}.1"
        self.clients = "127.0.0.0/8"

    def address(self, host: str) -> str:
        return LOOPBACK

    def inside(self, host: str) -> list[str]:
        """Return the words before a command that is to run on a host."""
        return []

    def remove(self) -> None:
        return


class Namespaces:
    """A network namespace for each host: what is on one reaches another, and the servers, by the bridge alone."""

    def __init__(self, hosts: list[str]) -> None:
        self.hosts, number = hosts, os.getpid()
        self.bridge = f"trk{number}"
        self.net = f"10.{200 + number % 50}.{number // 50 % 250}"
        self.server, self.clients = f"{self.net}.1", f"{self.net}.0/24"
        self.words = f"each of {len(hosts)} hosts in a network namespace of its own, joined by a bridge"
        try:
            self._make()
        except (OSError, subprocess.CalledProcessError):
            self.remove()
            raise

    def address(self, host: str) -> str:
        return f"{self.net}.{10 + self.hosts.index(host)}"

    def inside(self, host: str) -> list[str]:
        return ["ip", "netns", "exec", self._space(host)]

    def remove(self) -> None:
        for host in self.hosts:
            with suppress(OSError, subprocess.CalledProcessError):
                _ip("netns", "delete", self._space(host))
        with suppress(OSError, subprocess.CalledProcessError):
            _ip("link", "delete", self.bridge)

    def _make(self) -> None:
        _ip("link", "add", self.bridge, "type", "bridge")
        _ip("address", "add", f"{self.server}/24", "dev", self.bridge)
        _ip("link", "set", self.bridge, "up")
        for number, host in enumerate(self.hosts):
            space, ours, theirs = self._space(host), f"{self.bridge}o{number}", f"{self.bridge}t{number}"
            _ip("netns", "add", space)
            _ip("link", "add", ours, "type", "veth", "peer", "name", theirs)
            _ip("link", "set", ours, "master", self.bridge, "up")
            _ip("link", "set", theirs, "netns", space)
            _ip("-n", space, "address", "add", f"{self.address(host)}/24", "dev", theirs)
            _ip("-n", space, "link", "set", theirs, "up")
            _ip("-n", space, "link", "set", "lo", "up")

    def _space(self, host: str) -> str:
        return f"{self.bridge}-{host}"


def network_of(hosts: list[str]) -> Loopback | Namespaces:
    """Return a namespace for each host, or the loopback where this machine has no `ip` or gives no right to it."""
    if shutil.which("ip") is None or os.getuid() != 0:
        return Loopback()
    try:
        return Namespaces(hosts)
    except (OSError, subprocess.CalledProcessError):
        return Loopback()


def free_port(address: str = LOOPBACK) -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
