"""A directory, as the one who asks it: find a person by what they typed, and try their password there.

The library waits in a thread. Whatever the server does, `PATIENCE` seconds after it was asked its sockets are
shut down from outside, and the thread is free: one that accepts and stays silent, or sends a byte now and
then, costs one thread for that long.
"""

import asyncio
import contextlib
import math
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

import ldap3
import msgspec
from cryptography import x509
from ldap3.core.exceptions import (
    LDAPException,
    LDAPInvalidCredentialsResult,
    LDAPInvalidDNSyntaxResult,
    LDAPNoSuchObjectResult,
    LDAPSizeLimitExceededResult,
    LDAPSocketOpenError,
)
from ldap3.operation.search import parse_filter
from ldap3.utils.conv import escape_filter_chars
from ldap3.utils.dn import parse_dn

from harka.auth.fair_threads import FairThreads
from harka.auth.ldap_connection import Watch, connected, context_of
from harka.auth.oidc import Identity
from harka.errors import SsoRefusedError, UnavailableError, ValidationError, WrongPasswordError
from harka.outbound import resolve

PATIENCE: Final = 3.0
"""Seconds for everything together, waiting for a thread included."""
WORKERS: Final = 8
MOST_OF_A_TENANT: Final = 2
LONGEST_LOGIN: Final = 254
LONGEST_PASSWORD: Final = 512
PORTS: Final = {"ldap": 389, "ldaps": 636}
LONGEST_CERTIFICATES: Final = 20_000
_ATTRIBUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_SHARE: Final = 16
_SUBJECTS: Final = ("entryUUID", "objectGUID", "ipaUniqueID", "nsUniqueId")
"""What somebody is for ever, whatever they are called: in OpenLDAP, Active Directory, FreeIPA, 389."""
_GUID: Final = 16
_MAIL: Final = "mail"
_NAMES: Final = ("displayName", "cn")
# "AcceptSecurityContext error, data 532, v4563": the low words of Windows' codes of sign-ins
_REASON: Final = re.compile(r"\bdata ([0-9a-f]{3})\b")
_REASONS: Final = {
    "530": "The directory lets them in at other times.",
    "531": "The directory lets them in at other machines.",
    "532": "Their password has expired there.",
    "533": "Their account is disabled there.",
    "701": "Their account has expired there.",
    "773": "They must change their password there first.",
    "775": "Their account is locked there.",
}

T = TypeVar("T")


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """How one connection asks. `private`: see `outbound.fetch`. `ca_certificates`: PEM; None for the usual.

    `start_tls`: of `ldap://`, before anything is said. `user_filter`: what else must hold of who comes in.
    `email_attribute`, `name_attribute`: None for the usual ones.
    """

    tenant: UUID
    url: str
    start_tls: bool
    bind_dn: str
    bind_password: str
    base_dn: str
    login_attribute: str
    user_filter: str | None
    email_attribute: str | None
    name_attribute: str | None
    group_attribute: str | None
    ca_certificates: str | None
    private: bool

    def __repr__(self) -> str:
        return f"Place({self.url})"


class Directories:
    """Asks, in a few threads of which no tenant has more than two; `close` when the process ends."""

    def __init__(self) -> None:
        self._threads = FairThreads("ldap", WORKERS, most=MOST_OF_A_TENANT, share=_SHARE)

    def close(self) -> None:
        self._threads.close()

    async def probe(self, place: Place) -> None:
        """Raise `SsoRefusedError` unless we are let in and there is what is searched; `UnavailableError`."""
        await self._ask(place, partial(_probe, place=place))

    async def identity(self, place: Place, login: str, password: str) -> Identity:
        """Who they are there.

        Raise `WrongPasswordError` for nobody and for a wrong password, which its detail alone tells from each
        other; `SsoRefusedError` for what the directory refuses us or does not tell, `UnavailableError`,
        `RateLimitedError` for too many at once.
        """
        # an empty password is no wrong one there, but a bind of nobody, which succeeds
        if not 0 < len(password) <= LONGEST_PASSWORD or "\0" in password:
            raise WrongPasswordError(detail="What was typed is no password.")
        if not 0 < len(login) <= LONGEST_LOGIN or not login.isprintable():
            raise WrongPasswordError(detail="What was typed is nobody's name.")
        return await self._ask(place, partial(_identity, place=place, login=login, password=password))

    async def _ask(self, place: Place, call: Callable[[ldap3.Connection], T]) -> T:
        parts, watch = urlsplit(place.url), Watch()
        host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
        try:
            async with asyncio.timeout(PATIENCE):
                address = await resolve(host, private=place.private)
                return await self._threads.run(
                    place.tenant, partial(_converse, place, host, address, port, watch, call)
                )
        except TimeoutError as error:
            raise UnavailableError(f"{host} does not answer in time.") from error
        except LDAPSocketOpenError as error:
            raise UnavailableError(f"{host} does not answer, or its certificate is not accepted.") from error
        except LDAPException as error:
            raise SsoRefusedError(
                "provider_error", f"The directory refuses: {type(error).__name__}."
            ) from error
        finally:
            watch.cut()


def _converse(
    place: Place, host: str, address: str, port: int, watch: Watch, call: Callable[[ldap3.Connection], T]
) -> T:
    """In a thread: as whom the directory knows us."""
    with connected(
        host,
        address,
        port,
        watch,
        ldaps=place.url.startswith("ldaps:"),
        start_tls=place.start_tls,
        ca_certificates=place.ca_certificates,
        patience=math.ceil(PATIENCE),
    ) as connection:
        connection.rebind(place.bind_dn, place.bind_password)
        return call(connection)


def _probe(connection: ldap3.Connection, *, place: Place) -> None:
    found = _search(connection, place, "(objectClass=*)", scope=ldap3.BASE)
    if not found:
        raise SsoRefusedError("provider_error", "There is nothing to search at the base.")


def _identity(connection: ldap3.Connection, *, place: Place, login: str, password: str) -> Identity:
    wanted = f"({place.login_attribute}={escape_filter_chars(login)})"
    found = _search(connection, place, f"(&{wanted}{place.user_filter or ''})", scope=ldap3.SUBTREE)
    if len(found) > 1:
        raise SsoRefusedError("provider_error", f"More than one entry has this {place.login_attribute}.")
    # who is not there takes as long, and is refused as well
    name = found[0]["dn"] if found else f"cn={secrets.token_hex(8)},{place.base_dn}"
    try:
        connection.rebind(name, password)
    except (LDAPInvalidCredentialsResult, LDAPNoSuchObjectResult, LDAPInvalidDNSyntaxResult) as error:
        detail = why_not(str(error.message or "")) if found else _nobody(place)
        raise WrongPasswordError(detail=detail) from None
    if not found:
        raise WrongPasswordError(detail=_nobody(place))
    return _told(place, found[0]["raw_attributes"])


def _nobody(place: Place) -> str:
    filtered = "" if place.user_filter is None else ", or the filter does not let it through"
    return f"No entry has the {place.login_attribute} that was typed{filtered}."


def why_not(message: str) -> str:
    """What a directory says of a refused password: Active Directory hides in it what else was wrong."""
    found = _REASON.search(message)
    return _REASONS.get(found[1] if found else "", "The directory refuses this password.")


def _search(
    connection: ldap3.Connection, place: Place, wanted: str, *, scope: str
) -> Sequence[Mapping[str, Any]]:
    """Entries, two at the most."""
    asked = [*_SUBJECTS, *_emails(place), *_names(place)]
    if place.group_attribute is not None:
        asked.append(place.group_attribute)
    # of more than two it tells two
    with contextlib.suppress(LDAPSizeLimitExceededResult):
        connection.search(
            place.base_dn,
            wanted,
            search_scope=scope,
            attributes=asked,
            size_limit=2,
            time_limit=math.ceil(PATIENCE),
        )
    return [each for each in connection.response or () if each["type"] == "searchResEntry"]


def _told(place: Place, attributes: Mapping[str, Sequence[bytes]]) -> Identity:
    """`attributes`: the values of each, by its name in any case."""
    values = {name.lower(): list(each) for name, each in attributes.items()}
    subject = next(((name, values[name.lower()][0]) for name in _SUBJECTS if values.get(name.lower())), None)
    if subject is None:
        raise SsoRefusedError("provider_error", f"The entry has none of {', '.join(_SUBJECTS)}.")
    name, id_ = subject
    # that of Active Directory is no text
    known_as = str(UUID(bytes_le=id_)) if name == "objectGUID" and len(id_) == _GUID else _text(id_)
    groups = values.get((place.group_attribute or "").lower(), [])
    return Identity(
        place.url,
        f"{name}:{known_as}",
        _first(values, _emails(place)),
        _first(values, _names(place)),
        [_text(each).lower() for each in groups],
    )


def _emails(place: Place) -> Sequence[str]:
    return (_MAIL,) if place.email_attribute is None else (place.email_attribute,)


def _names(place: Place) -> Sequence[str]:
    return _NAMES if place.name_attribute is None else (place.name_attribute,)


def _first(values: Mapping[str, Sequence[bytes]], names: Sequence[str]) -> str | None:
    return next((_text(values[each.lower()][0]) for each in names if values.get(each.lower())), None)


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def accept_dn(name: str, field: str) -> str:
    """Raise `ValidationError` for what names no entry."""
    try:
        parts = parse_dn(name)
    except LDAPException:
        parts = []
    if not parts:
        raise ValidationError("This is no distinguished name.", field=field)
    return name


def accept_attribute(name: str, field: str) -> str:
    """Raise `ValidationError` for what is no attribute's name."""
    if not _ATTRIBUTE.fullmatch(name):
        raise ValidationError("This is not the name of an attribute.", field=field)
    return name


def accept_filter(text: str, field: str) -> str:
    """Raise `ValidationError` for what is no filter in parentheses."""
    try:
        parse_filter(text, None, True, None, None, False)
    except (LDAPException, ValueError, IndexError, RecursionError):
        raise ValidationError("This is no filter.", field=field) from None
    if not text.startswith("("):
        raise ValidationError("A filter begins with a parenthesis.", field=field)
    return text


def accept_certificates(text: str, field: str) -> str:
    """Raise `ValidationError` for what are no certificates in PEM."""
    if not 0 < len(text) <= LONGEST_CERTIFICATES or not text.isascii():
        raise ValidationError(f"At most {LONGEST_CERTIFICATES} characters of PEM.", field=field)
    try:
        context_of(text)
        # also by whoever looks for their end
        x509.load_pem_x509_certificates(text.encode("ascii"))
    except (ValueError, OSError):
        raise ValidationError("These are no certificates in PEM.", field=field) from None
    return text
