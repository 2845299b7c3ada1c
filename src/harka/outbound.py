"""What we ask of addresses that a tenant gave: only of the public internet, and only so much, so long.

A name is resolved once, every address it has must be public, and the connection goes to one that was checked:
a name that means another address a moment later changes nothing. Redirects are not followed.
"""

import asyncio
import functools
import math
import ssl
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

import httpx2
import msgspec

from harka import clock
from harka.errors import UnavailableError, ValidationError
from harka.name_lookup import addresses_of

MOST_BYTES: Final = 65_536
_PATIENCE: Final = 5.0
_LONGEST_URL: Final = 2000
# what is public by its bits and leads elsewhere by its meaning: NAT64, 6to4 and its relays, Teredo
_TRANSLATED: Final = tuple(map(ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")))
_RELAYS: Final = ip_network("192.88.99.0/24")


class Answer(msgspec.Struct, frozen=True):
    """`retry_after`: seconds that it asks to be left alone for, None when it does not say."""

    status: int
    body: bytes
    retry_after: float | None = None


def accept_url(url: str, field: str, *, private: bool) -> str:
    """What may be asked. `private`: plain http, too, and addresses of this machine.

    Raise `ValidationError`.
    """
    printable = url.isascii() and url.isprintable() and " " not in url and "\\" not in url
    if not (printable and len(url) <= _LONGEST_URL and _names_a_host(url, private=private)):
        raise ValidationError("Give an address that begins with https://.", field=field)
    return url


def _names_a_host(url: str, *, private: bool) -> bool:
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    secure = parts.scheme == "https" or (private and parts.scheme == "http")
    return named and secure and not (parts.username or parts.password or parts.fragment)


def is_public(address: str) -> bool:
    """Whether nobody's inner network is there, in whatever form it is written."""
    try:
        found: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        elif any(found in each for each in _TRANSLATED):
            return False
    return found.is_global and not found.is_multicast and found not in _RELAYS


async def fetch(
    url: str,
    *,
    private: bool,
    form: Mapping[str, str] | None = None,
    content: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    auth: tuple[str, str] | None = None,
    patience: float = _PATIENCE,
    most: int = MOST_BYTES,
) -> Answer:
    """GET, or POST a form or a body. Raise `UnavailableError` when it may not be asked or answers badly.

    `private`: as `accept_url`. `headers`: beside our own. `patience`: seconds for everything together.
    `most`: bytes of the answer.
    """
    accept_url(url, "url", private=private)
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        async with asyncio.timeout(patience):
            address = await resolve(host, private=private)
            shown = f"[{address}]" if ":" in address else address
            target = httpx2.URL(url).copy_with(host=shown)
            async with httpx2.AsyncClient(
                follow_redirects=False, trust_env=False, timeout=patience, verify=_trust()
            ) as client:
                request = client.build_request(
                    "GET" if form is None and content is None else "POST",
                    target,
                    data=None if form is None else dict(form),
                    content=content,
                    headers={
                        "accept": "application/json",
                        **(headers or {}),
                        "host": parts.netloc,
                        # what is compressed may be a thousand times as long when it is read
                        "accept-encoding": "identity",
                    },
                    # the certificate must be the name's, not the address's
                    extensions={"sni_hostname": host},
                )
                answer = await client.send(
                    request, stream=True, auth=None if auth is None else httpx2.BasicAuth(*auth)
                )
                try:
                    asked = _seconds(answer.headers.get("retry-after", ""))
                    return Answer(answer.status_code, await _bounded(answer, most), asked)
                finally:
                    await answer.aclose()
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, TimeoutError, UnicodeError) as error:
        raise UnavailableError(f"{host} does not answer: {type(error).__name__}.") from error


@functools.cache
def _trust() -> ssl.SSLContext:
    """Made once: to read the certificates takes longer than to ask."""
    return httpx2.create_ssl_context()


async def resolve(host: str, *, private: bool) -> str:
    """An address of it, checked. Raise `UnavailableError`."""
    try:
        addresses = await addresses_of(host)
    except OSError as error:
        raise UnavailableError(f"{host} is not found.") from error
    if not (private or all(map(is_public, addresses))):
        raise UnavailableError(f"{host} is no address of the public internet.")
    return addresses[0]


def _seconds(text: str) -> float | None:
    """Of a `Retry-After` (RFC 9110, 10.2.3): seconds or a date; None for what is neither, or over."""
    text = text.strip()
    if text.isascii() and text.isdecimal():
        seconds = float(text)
    else:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - clock.now().timestamp()
        except (ValueError, OverflowError):
            return None
    return seconds if 0 < seconds < math.inf else None


async def _bounded(answer: httpx2.Response, most: int) -> bytes:
    body = b""
    # as it is sent: an encoding that nobody asked for is not taken apart
    async for part in answer.aiter_raw():
        body += part
        if len(body) > most:
            raise UnavailableError("The answer is too long.")
    return body
