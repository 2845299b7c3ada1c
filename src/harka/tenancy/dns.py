"""What name servers say of a domain, apart from where it is (`name_lookup`)."""

from typing import Final

import dns.asyncresolver
import dns.exception
import dns.name
import dns.nameserver
import dns.resolver

from harka.config import name_servers
from harka.errors import UnavailableError

PATIENCE: Final = 4.0


class Dns:
    """Asks the servers given, as in `Settings.dns_servers`; those of the system where none are."""

    def __init__(self, servers: str = "", *, patience: float = PATIENCE) -> None:
        """`patience`: seconds for one answer, over all servers. Raise `ValueError` for what is no address."""
        self._patience = patience
        self._servers = [dns.nameserver.Do53Nameserver(*each) for each in name_servers(servers)]
        self._resolver: dns.asyncresolver.Resolver | None = None

    async def texts(self, name: str) -> list[str]:
        """The TXT records of a name; none where there is no such name.

        Raise `UnavailableError` when nobody answers in time, or does not know.
        """
        try:
            answer = await self._opened().resolve(dns.name.from_text(name), "TXT", lifetime=self._patience)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except (dns.exception.DNSException, OSError) as error:
            raise UnavailableError("The name servers did not answer.") from error
        return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]

    def _opened(self) -> dns.asyncresolver.Resolver:
        # when first asked: a process on a machine without name servers starts all the same
        if self._resolver is None:
            self._resolver = dns.asyncresolver.Resolver(configure=not self._servers)
            if self._servers:
                self._resolver.nameservers = list(self._servers)
        return self._resolver
