"""A name server on loopback: it speaks DNS over UDP and knows what a test tells it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import dns.asyncresolver
import dns.flags
import dns.message
import dns.nameserver
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from harka import name_lookup

__all__ = ["NameServer", "asking", "name_server"]


class NameServer(asyncio.DatagramProtocol):
    """`records`: the TXT records of each name; `addresses`: of each, of both kinds.

    Names that are `broken` fail, `silent` ones get no answer.
    """

    def __init__(self) -> None:
        self.records: dict[str, list[str]] = {}
        self.addresses: dict[str, list[str]] = {}
        self.broken: set[str] = set()
        self.silent: set[str] = set()
        self.asked: list[str] = []
        self.address = ""
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        host, port = transport.get_extra_info("sockname")
        self.address = f"{host}:{port}"

    def datagram_received(self, data: bytes, addr: Any) -> None:
        query = dns.message.from_wire(data)
        (question,) = query.question
        name = question.name.to_text(omit_final_dot=True)
        self.asked.append(name)
        if name in self.silent:
            return
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA | dns.flags.RA
        if name in self.broken:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif name not in self.records and name not in self.addresses:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif found := self._found(name, question.rdtype):
            kind = dns.rdatatype.to_text(question.rdtype)
            response.answer = [dns.rrset.from_text(question.name, 1, "IN", kind, *found)]
        self._transport.sendto(response.to_wire(), addr)

    def _found(self, name: str, kind: int) -> list[str]:
        if kind == dns.rdatatype.TXT:
            return self.records.get(name, [])
        return [
            each for each in self.addresses.get(name, []) if (":" in each) == (kind == dns.rdatatype.AAAA)
        ]


@pytest.fixture
async def name_server() -> AsyncIterator[NameServer]:
    transport, server = await asyncio.get_running_loop().create_datagram_endpoint(
        NameServer, local_addr=("127.0.0.1", 0)
    )
    yield server
    transport.close()


@pytest.fixture
def asking(name_server: NameServer, monkeypatch: pytest.MonkeyPatch) -> NameServer:
    """Whom this process asks where names are, instead of the system's servers."""
    host, port = name_server.address.split(":")
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = [dns.nameserver.Do53Nameserver(host, int(port))]
    monkeypatch.setattr(name_lookup, "_resolver", lambda _changed: resolver)
    return name_server
