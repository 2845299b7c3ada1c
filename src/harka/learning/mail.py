"""E-mails: put in with the change they tell of, written when they are sent (`mail_letter`).

The queue is the outbox: the job of an e-mail is put in by the transaction of the change, so both happen or
neither. It holds ids, and of links their secret, sealed. Who is to get it, in which language, is looked up
when it is sent, and nothing is sent that is good for nothing any more.
"""

import enum
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from harka import clock
from harka.codec import json_bytes
from harka.errors import HarkaError, ValidationError
from harka.ids import new_id
from harka.learning.text import accept_email, accept_line
from harka.learning.work import UnitOfWork
from harka.queue.enqueue import enqueue_many
from harka.queue.message import SEND_MAIL
from harka.repositories import mail_topic as refusals
from harka.repositories.certificate import Issued
from harka.repositories.job import NewJob
from harka.repositories.organization import Organization
from harka.tenancy.context import ActorKind

RETRY_DELAYS: Final = (60.0, 300.0, 1_800.0, 7_200.0, 21_600.0, 43_200.0)
"""Seconds until what the server did not take is tried again, time after time; then it is a dead letter."""
LONGEST_SENDER: Final = 100
MOST_TOLD: Final = 50
"""People in charge who are told what is wrong: those who are here the longest."""
SETTINGS: Final = "mail"
"""The key of an organization's settings with a `MailSettings`."""


class Kind(enum.StrEnum):
    INVITATION = "invitation"
    RESET = "reset"
    CERTIFICATE = "certificate"
    ALERT = "alert"
    BREAK_GLASS = "break_glass"
    TEST = "test"


class MailTopic(enum.StrEnum):
    """What people may refuse: all that is not the answer to something that somebody did.

    The values are stored and in links: never rename one.
    """

    HEALTH_ALERTS = "health_alerts"
    CERTIFICATES = "certificates"


class MailSettings(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """How an organization's e-mails are signed.

    `certificates`: whether each new one is told. `alerts`: whether who is in charge is told what is wrong.
    """

    sender_name: str | None = None
    reply_to: str | None = None
    certificates: bool = False
    alerts: bool = True


class AlertLine(msgspec.Struct, frozen=True):
    """Of an issue of health, as `analytics.health` has it."""

    code: str
    severity: str
    measured: float
    limit: float | None = None


class Mail(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The payload of a job. `about`: the invitation, certificate, or who gets it.

    `id`: the same for every try. `tries`: what came to nothing. `token`: of a link, `until` when that ends.
    `lines`: of an alert. `person`: who came in past the enforced sign-in.
    """

    id: UUID
    kind: Kind
    about: UUID
    token: str | None = None
    until: datetime | None = None
    tries: int = 0
    lines: Sequence[AlertLine] = ()
    person: UUID | None = None


def accept_settings(given: object) -> None:
    """Raise `ValidationError` for what is no `MailSettings`."""
    try:
        settings = msgspec.convert(given, MailSettings)
    except msgspec.ValidationError as error:
        raise ValidationError(f"`{SETTINGS}`: {error}", field="settings") from None
    if settings.sender_name is not None:
        accept_line(settings.sender_name, "settings", longest=LONGEST_SENDER)
    if settings.reply_to is not None:
        accept_email(settings.reply_to, "settings")


async def post_link(
    work: UnitOfWork, kind: Kind, about: UUID, token: str, until: datetime, *, seal_key: bytes
) -> None:
    """With a link that is good once: to who was invited, or whose password is to be set."""
    mail = Mail(id=new_id(), kind=kind, about=about, token=token, until=until)
    await work.enqueue(SEND_MAIL, msgspec.to_builtins(mail), seal_key=seal_key)


async def post_certificates(work: UnitOfWork, issued: Sequence[Issued]) -> None:
    """To whom they were issued, by one statement; where the organization wants it, never for an import."""
    context = work.context
    if (
        not issued
        or context.actor.kind is ActorKind.OPERATOR
        or not settings_of(context.organization).certificates
    ):
        return
    await _post(work, [Mail(id=each.id, kind=Kind.CERTIFICATE, about=each.id) for each in issued])


async def post_alerts(work: UnitOfWork, lines: Sequence[AlertLine]) -> None:
    """To who is in charge and has not refused them, by one statement; unless the organization wants none."""
    if not settings_of(work.context.organization).alerts:
        return
    told = await refusals.find_in_charge(work.session, topic=MailTopic.HEALTH_ALERTS, most=MOST_TOLD)
    if told:
        await _post(work, [Mail(id=new_id(), kind=Kind.ALERT, about=each, lines=lines) for each in told])


async def post_break_glass(work: UnitOfWork, person: UUID) -> None:
    """To all other owners; nobody can refuse it."""
    told = await refusals.find_other_owners(work.session, person, most=MOST_TOLD)
    if told:
        await _post(
            work, [Mail(id=new_id(), kind=Kind.BREAK_GLASS, about=each, person=person) for each in told]
        )


async def _post(work: UnitOfWork, mails: Sequence[Mail]) -> None:
    jobs = [
        NewJob(id=new_id(), type=SEND_MAIL, payload=json_bytes(msgspec.to_builtins(mail)).decode())
        for mail in mails
    ]
    await enqueue_many(work.session, jobs)
    work.signal()


async def again(work: UnitOfWork, mail: Mail, *, seal_key: bytes) -> bool:
    """Have it sent later, in place of a try that came to nothing; False when it was tried often enough."""
    if mail.tries >= len(RETRY_DELAYS):
        return False
    later = msgspec.structs.replace(mail, tries=mail.tries + 1)
    run_at = clock.now() + timedelta(seconds=RETRY_DELAYS[mail.tries])
    await work.enqueue(SEND_MAIL, msgspec.to_builtins(later), run_at=run_at, seal_key=seal_key)
    return True


def settings_of(organization: Organization) -> MailSettings:
    """As it was accepted; what was there before it was looked at, and does not fit, counts for nothing."""
    given = organization.settings.get(SETTINGS, {})
    try:
        accept_settings(given)
    except HarkaError:
        return MailSettings()
    return msgspec.convert(given, MailSettings)
