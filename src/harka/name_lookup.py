"""Which addresses a name has, asked of name servers without a thread.

The system's own look-up keeps one of the few threads of the event loop until it answers: a handful of names
whose servers hang, which anybody can have, and nobody else's is found. Here each is a question of its own.
As there, the file of hosts goes first, and the system's list of domains is gone through.
"""

import asyncio
import functools
import socket
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import dns.asyncresolver
import dns.exception
import dns.rdatatype
import dns.resolver

PATIENCE: Final = 3.0
"""Seconds for all servers together."""
_HOSTS: Final = Path("/etc/hosts")
_SERVERS: Final = Path("/etc/resolv.conf")
_LOCAL: Final = ("127.0.0.1", "::1")
_KINDS: Final = (dns.rdatatype.A, dns.rdatatype.AAAA)


async def addresses_of(host: str) -> Sequence[str]:
    """Those that a way leads to from here go first, of them those of version 4.

    Raise `OSError` when there is no such name, or nobody says.
    """
    if _is_address(host):
        return [host]
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return _LOCAL
    return _hosts(_changed(_HOSTS)).get(name) or await _ask(host.lower())


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


async def _ask(host: str) -> Sequence[str]:
    answers = await asyncio.gather(*(_records(host, kind) for kind in _KINDS), return_exceptions=True)
    found = [address for each in answers if not isinstance(each, BaseException) for address in each]
    if not found:
        for each in answers:
            if isinstance(each, BaseException):
                raise OSError(f"{host} is not found: {type(each).__name__}") from each
        raise OSError(f"There is no {host}.")
    return sorted(found, key=lambda address: not _leads_there(address))


async def _records(host: str, kind: dns.rdatatype.RdataType) -> list[str]:
    resolver = _resolver(_changed(_SERVERS))
    try:
        answer = await resolver.resolve(host, kind, search=True, lifetime=PATIENCE)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    return [record.address for record in answer]


def _leads_there(address: str) -> bool:
    """Whether this machine has a way there; nothing is sent."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 9))
    except OSError:
        return False
    return True


def _changed(file: Path) -> int:
    """When, so that what was read is read again; 0 where there is none."""
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0


@functools.lru_cache(maxsize=1)
def _hosts(changed: int) -> Mapping[str, Sequence[str]]:
    """As of the moment when it was `changed`."""
    found: dict[str, list[str]] = {}
    for line in _HOSTS.read_text("utf-8", "replace").splitlines() if changed else ():
        address, *names = line.partition("#")[0].split() or [""]
        for name in names if _is_address(address) else ():
            found.setdefault(name.lower(), []).append(address)
    return found


@functools.lru_cache(maxsize=1)
def _resolver(_changed: int) -> dns.asyncresolver.Resolver:
    """As of the moment when its file was changed. Raise `DNSException` where none can be read."""
    return dns.asyncresolver.Resolver(str(_SERVERS))
