"""An organization's own server for its e-mails, so that they come from its own address.

It is used once a first e-mail has gone out by it: a password that was mistyped loses no invitation.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec

from harka import clock
from harka.crypto import envelope
from harka.errors import ConflictError, NotFoundError, ValidationError
from harka.ids import new_id
from harka.learning import user
from harka.learning.mail import Kind, Mail
from harka.learning.text import accept_email, accept_line
from harka.learning.work import UnitOfWork
from harka.mail.mailer import Server
from harka.queue.message import SEND_MAIL
from harka.repositories import job as jobs
from harka.repositories import mail_sender as senders
from harka.repositories.job import Job
from harka.repositories.mail_sender import MailSender
from harka.tenancy.domain_name import accept_domain
from harka.tenancy.entitlement import features_for, require_feature
from harka.tenancy.permission import Permission

LONGEST_USERNAME: Final = 320
LONGEST_PASSWORD: Final = 500
PORTS: Final = (465, 587, 2525)
"""Where e-mails are handed in: nobody else's server is spoken to."""
_LONGEST_HOST: Final = 253
_LONGEST_ERROR: Final = 500
_PURPOSE: Final = "mail-sender"


class SenderDraft(msgspec.Struct, frozen=True, kw_only=True):
    """`start_tls`: encrypted after it has begun, as at port 587; otherwise from its first byte on."""

    address: str
    host: str
    port: int
    start_tls: bool
    username: str
    password: str

    def __repr__(self) -> str:
        return f"SenderDraft({self.host})"


class Own(msgspec.Struct, frozen=True):
    """`version`: of the sender. `is_well`: it took the last e-mail."""

    version: int
    server: Server
    is_well: bool


class Tried(msgspec.Struct, frozen=True):
    """`job`: sends a first e-mail by it, to who asked."""

    mail_sender: MailSender
    job: Job


async def find(work: UnitOfWork) -> MailSender | None:
    _require(work)
    return await senders.find(work.session)


async def find_many(work: UnitOfWork, ids: Sequence[UUID]) -> list[MailSender | None]:
    """In the order of `ids`."""
    found = await find(work)
    return [found if found is not None and found.id == id_ else None for id_ in ids]


async def put(work: UnitOfWork, draft: SenderDraft, *, version: int | None, seal_key: bytes) -> Tried:
    """In place of the one of `version`, or of any; and try it. `seal_key`: of `Keyring.seal`.

    Raise `ValidationError` naming the field, and for a program, to which no e-mail can be sent;
    `FeatureNotInPlanError` without `customBranding`, `ConflictError` for another version.
    """
    _require(work)
    require_feature(work.context.organization, "custom_branding")
    me, now = user.myself(work.context), clock.now()
    private = work.outside.private_addresses
    new = MailSender(
        id=new_id(),
        address=accept_email(draft.address, "address"),
        host=_accept_host(draft.host, work.outside.platform_domain, private=private),
        port=_accept_port(draft.port, private=private),
        start_tls=draft.start_tls,
        username=accept_line(draft.username, "username", longest=LONGEST_USERNAME),
        verified_at=None,
        failing_since=None,
        error=None,
        created_at=now,
        updated_at=now,
        version=1,
    )
    password = accept_line(draft.password, "password", longest=LONGEST_PASSWORD).encode()
    sealed = envelope.seal(seal_key, password, tenant=work.context.id, purpose=_PURPOSE)
    stored = await senders.put(work.session, new, sealed, version=version)
    if stored is None:
        raise ConflictError
    return Tried(stored, await _post_test(work, me.id))


async def try_out(work: UnitOfWork) -> Tried:
    """Send an e-mail by it to who asks.

    Raise `FeatureNotInPlanError` without `customBranding`, `NotFoundError`, `ValidationError` for a program.
    """
    _require(work)
    require_feature(work.context.organization, "custom_branding")
    me, found = user.myself(work.context), await senders.find(work.session)
    if found is None:
        raise NotFoundError("There is no sender of the organization's own.")
    return Tried(found, await _post_test(work, me.id))


async def delete(work: UnitOfWork, *, version: int | None = None) -> UUID:
    """The platform's server sends again. Raise `NotFoundError`, `ConflictError` for another `version`."""
    _require(work)
    gone = await senders.delete(work.session, version)
    if gone is None:
        if await senders.find(work.session) is None:
            raise NotFoundError("There is no sender of the organization's own.")
        raise ConflictError
    return gone


async def server_for(work: UnitOfWork, kind: Kind, *, seal_key: bytes) -> Own | None:
    """By which to send an e-mail of a kind now; None for the platform's. For jobs.

    One that was set under another plan waits, as the branding does (decision 0025).
    """
    if not features_for(work.context.organization).custom_branding:
        return None
    found = await senders.find_sealed(work.session)
    # what is wrong with the organization may be that its server is
    if found is None or kind is Kind.ALERT or (kind is not Kind.TEST and found.verified_at is None):
        return None
    password = envelope.open_sealed(
        seal_key, found.sealed_password, tenant=work.context.id, purpose=_PURPOSE
    ).decode()
    server = Server(
        address=found.address,
        host=found.host,
        port=found.port,
        start_tls=found.start_tls,
        username=found.username,
        password=password,
    )
    return Own(found.version, server, is_well=found.verified_at is not None and found.failing_since is None)


async def note(work: UnitOfWork, own: Own, error: str | None) -> None:
    """What came of an e-mail, None when it was taken. For jobs."""
    await senders.note(work.session, own.version, None if error is None else error[:_LONGEST_ERROR])


async def _post_test(work: UnitOfWork, to: UUID) -> Job:
    mail = Mail(id=new_id(), kind=Kind.TEST, about=to)
    id_ = await work.enqueue(SEND_MAIL, msgspec.to_builtins(mail))
    return (await jobs.find_by_ids(work.session, [id_]))[0]


def _require(work: UnitOfWork) -> None:
    work.context.require(Permission.ORGANIZATION_WRITE)
    work.context.require_everybody()


def _accept_host(text: str, platform_domain: str, *, private: bool) -> str:
    host = accept_line(text, "host", longest=_LONGEST_HOST).lower()
    # its certificate must be of that name
    return host if private else accept_domain(host, platform_domain, field="host")


def _accept_port(port: int, *, private: bool) -> int:
    if not (port in PORTS or (private and 0 < port < 65_536)):  # noqa: PLR2004 - the ports there are
        raise ValidationError("E-mails are handed in at port 465, 587 or 2525.", field="port")
    return port
