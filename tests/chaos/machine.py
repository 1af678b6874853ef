"""A machine: processes of an installation with a home of their own and one way to PostgreSQL, Redis and the mails.

With root's rights it is a network namespace at the end of a virtual cable, and cutting it off is pulling the cable.
Without, its ways are proxies that fall silent.
"""

import contextlib
import functools
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from plugin.embedded.process import stop, that_dies_with_its_parent
from tests.chaos.network import Proxy
from tests.chaos.part import Part

CABLE_SECONDS = 10


class Way(Protocol):
    """What lies between a machine and the services."""

    @property
    def server_host(self) -> str:
        """The address of the services, as the machine sees them."""

    @property
    def own_host(self) -> str:
        """The machine's own address."""

    @property
    def words_before(self) -> list[str]:
        """Words before every command that is to run on the machine."""

    def cut_off(self) -> None:
        """Nothing passes any more, and nobody is told."""

    def join_again(self) -> None:
        """It passes again."""


@dataclass
class Machine:
    """Processes with one way to the services."""

    name: str
    way: Way
    home: Path
    address: str = ""
    """Of its web server."""
    is_cut_off: bool = False
    parts: dict[str, Part] = field(default_factory=dict)

    def cut_off(self) -> None:
        """Nothing comes in or goes out any more."""
        self.is_cut_off = True
        self.way.cut_off()


@dataclass
class Loopback:
    """The machine that everything else is on, too; its proxies may fall silent."""

    proxies: list[Proxy] = field(default_factory=list)
    server_host: str = "127.0.0.1"
    own_host: str = "127.0.0.1"
    words_before: list[str] = field(default_factory=list)

    def cut_off(self) -> None:
        for proxy in self.proxies:
            proxy.fall_silent()

    def join_again(self) -> None:
        """Not played: a kernel would go on with its connections, a proxy cannot."""


@dataclass
class Cable:
    """A pair of virtual network devices; one is in a network namespace, which lives as long as `holder`."""

    device: str
    server_host: str
    own_host: str
    holder: int

    @property
    def words_before(self) -> list[str]:
        return ["nsenter", f"--net=/proc/{self.holder}/ns/net", "--"]

    def cut_off(self) -> None:
        _run("ip", "link", "set", self.device, "down")

    def join_again(self) -> None:
        _run("ip", "link", "set", self.device, "up")


@functools.cache
def cables_are_allowed() -> bool:
    """Whether network namespaces can be made here."""
    try:
        with cable():
            return True
    except (OSError, subprocess.SubprocessError, TimeoutError):
        return False


@contextlib.contextmanager
def cable() -> Iterator[Cable]:
    """A machine's cable; nothing of it outlives this process.

    Raises:
        OSError, subprocess.SubprocessError, TimeoutError: it cannot be made.
    """
    command = that_dies_with_its_parent(["unshare", "--net", "sleep", "infinity"], signal.SIGKILL)
    holder = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for_namespace(holder)
        inside = ["nsenter", f"--net=/proc/{holder.pid}/ns/net", "--", "ip"]
        outer, inner = f"sb{holder.pid}o", f"sb{holder.pid}i"
        subnet = _free_subnet()
        _run("ip", "link", "add", outer, "type", "veth", "peer", "name", inner, "netns", str(holder.pid))
        _run("ip", "addr", "add", f"{subnet}.1/30", "dev", outer)
        _run("ip", "link", "set", outer, "up")
        _run(*inside, "addr", "add", f"{subnet}.2/30", "dev", inner)
        _run(*inside, "link", "set", inner, "up")
        _run(*inside, "link", "set", "lo", "up")
        yield Cable(outer, f"{subnet}.1", f"{subnet}.2", holder.pid)
    finally:
        stop(holder, signal.SIGKILL)


def _wait_for_namespace(holder: subprocess.Popen[bytes]) -> None:
    own, deadline = Path("/proc/self/ns/net").readlink(), time.monotonic() + CABLE_SECONDS
    while Path(f"/proc/{holder.pid}/ns/net").readlink() == own:
        if holder.poll() is not None or time.monotonic() > deadline:
            raise TimeoutError("no network namespace")
        time.sleep(0.01)


def _free_subnet() -> str:
    """The first three numbers of a subnet that no device of this machine is in."""
    used = _run("ip", "-o", "-4", "addr")
    first = os.getpid() * 2
    for number in range(first, first + 250):
        subnet = f"10.213.{number % 250}"
        if f" {subnet}." not in used:
            return subnet
    raise OSError("no subnet is free")


def _run(*words: str) -> str:
    return subprocess.run(words, capture_output=True, check=True, timeout=CABLE_SECONDS, text=True).stdout
