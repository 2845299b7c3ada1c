"""What an e-mail says, in the reader's language, as the organization looks when it is sent."""

import html
from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib import resources
from string import Template
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from harka import clock
from harka.auth.mail_token import unsubscribe_token
from harka.auth.permissions import Role
from harka.files.store import FileStore
from harka.learning import branding, invitation
from harka.learning.invitation import InvitationState
from harka.learning.mail import Kind, Mail, MailTopic, settings_of
from harka.learning.mail_alert_words import issue_line
from harka.learning.mail_topic import is_refused
from harka.learning.mail_words import words_of
from harka.learning.work import UnitOfWork
from harka.mail.letter import Letter
from harka.repositories import certificate as certificates
from harka.repositories import invitation as invitations
from harka.repositories import mail_topic as refusals
from harka.repositories import user as users
from harka.repositories.organization import Organization
from harka.repositories.scope import Scope
from harka.repositories.user import User, UserStatus

_CERTIFICATE_SECONDS: Final = 30 * 86_400.0
_COLOR: Final = "#4338ca"


class Places(msgspec.Struct, frozen=True):
    """Where links lead to: see `Settings.public_url`, `platform_domain`, `Keyring.mail`."""

    public_url: str
    platform_domain: str
    files: FileStore
    key: bytes

    def address(self, organization: Organization, path: str) -> str:
        host = f"{organization.slug}.{self.platform_domain}"
        return self.public_url.replace("{host}", host).rstrip("/") + path


class _Told(msgspec.Struct, frozen=True):
    """Whom an e-mail is for, and what it tells them. `topic`: of what they may refuse, of the `person`."""

    to: str
    name: str
    locale: str
    timezone: str
    url: str
    title: str = ""
    topic: MailTopic | None = None
    person: UUID | None = None


async def letter_of(work: UnitOfWork, mail: Mail, places: Places) -> Letter | None:
    """As it is to be sent now; None for what is good for nothing any more. For jobs."""
    told = await _TOLD[mail.kind](work, mail, places)
    if told is None:
        return None
    organization, look = work.context.organization, await branding.look(work)
    language, words = words_of(told.locale)
    subject, body, button = getattr(words, mail.kind)
    # put in, not formatted: braces of a name are nobody's
    values = {"{organization}": organization.name, "{title}": told.title, "{name}": told.name}
    until = "" if mail.until is None else words.until.replace("{until}", _moment(mail.until, told.timezone))
    lines = [_filled(words.greeting, values), _filled(body, values)]
    items = [issue_line(language, each.code, each.measured, each.limit) for each in mail.lines]
    unsubscribe = _unsubscribe(organization, told, places)
    url = places.address(organization, told.url)
    settings = settings_of(organization)
    logo = (
        None if look.logo_hash is None else places.address(organization, f"/files/branding/{look.logo_hash}")
    )
    return Letter(
        id=mail.id,
        to=told.to,
        to_name=told.name,
        sender_name=settings.sender_name or organization.name,
        reply_to=settings.reply_to,
        subject=_filled(subject, values),
        text=_text(
            *lines,
            "\n".join(f"- {each}" for each in items),
            f"{button}: {url}",
            until,
            organization.name,
            "" if unsubscribe is None else f"{words.unsubscribe}: {unsubscribe}",
        ),
        html=_page(
            language=language,
            subject=_filled(subject, values),
            greeting=lines[0],
            body=lines[1],
            button=button,
            url=url,
            until=until,
            organization=organization.name,
            color=look.primary_color or _COLOR,
            logo=logo,
            items=items,
            unsubscribe=None if unsubscribe is None else (words.unsubscribe, unsubscribe),
        ),
        language=language,
        unsubscribe=unsubscribe,
    )


async def _invitation(work: UnitOfWork, mail: Mail, _places: Places) -> _Told | None:
    found = await invitations.find_by_ids(work.session, [mail.about], inviter=None)
    if not found or invitation.state_of(found[0]) is not InvitationState.OPEN:
        return None
    organization = work.context.organization
    return _Told(
        to=found[0].email,
        name=found[0].email,
        locale=organization.locale,
        timezone=organization.timezone,
        url=f"/auth/invitation?token={mail.token}",
    )


async def _reset(work: UnitOfWork, mail: Mail, _places: Places) -> _Told | None:
    if mail.until is not None and mail.until <= clock.now():
        return None
    return await _to_person(work, mail.about, f"/auth/reset?token={mail.token}")


async def _certificate(work: UnitOfWork, mail: Mail, places: Places) -> _Told | None:
    found = await certificates.find_visible(work.session, Scope(everything=True), [mail.about])
    if not found or found[0].revoked_at is not None:
        return None
    if await is_refused(work, found[0].user_id, MailTopic.CERTIFICATES):
        return None
    path = f"certificates/{mail.about.hex}.pdf"
    link = places.files.sign(work.context.id, path, lifetime=_CERTIFICATE_SECONDS)
    told = await _to_person(work, found[0].user_id, f"/files/certificates/{link}", title=found[0].title)
    return told and msgspec.structs.replace(told, topic=MailTopic.CERTIFICATES)


async def _alert(work: UnitOfWork, mail: Mail, _places: Places) -> _Told | None:
    topic = MailTopic.HEALTH_ALERTS
    if not await refusals.is_in_charge(work.session, mail.about, topic=topic):
        return None
    told = await _to_person(work, mail.about, "/dashboard")
    return told and msgspec.structs.replace(told, topic=topic)


async def _break_glass(work: UnitOfWork, mail: Mail, _places: Places) -> _Told | None:
    """Who is told may have ceased to be an owner."""
    if mail.person is None:
        return None
    found = {each.id: each for each in await users.find_by_ids(work.session, [mail.about, mail.person])}
    owner, came_in = found.get(mail.about), found.get(mail.person)
    if owner is None or owner.role != Role.OWNER or came_in is None:
        return None
    return await _to_person(work, owner.id, "/dashboard", title=came_in.name)


async def _test(work: UnitOfWork, mail: Mail, _places: Places) -> _Told | None:
    return await _to_person(work, mail.about, "/dashboard")


_TOLD: Final = {
    Kind.INVITATION: _invitation,
    Kind.RESET: _reset,
    Kind.CERTIFICATE: _certificate,
    Kind.ALERT: _alert,
    Kind.BREAK_GLASS: _break_glass,
    Kind.TEST: _test,
}


async def _to_person(work: UnitOfWork, id_: UUID, url: str, *, title: str = "") -> _Told | None:
    """None for somebody who is not here any more."""
    found: Sequence[User] = await users.find_by_ids(work.session, [id_])
    if not found or found[0].status != UserStatus.ACTIVE:
        return None
    person, organization = found[0], work.context.organization
    return _Told(
        to=person.email,
        name=person.name,
        locale=person.locale or organization.locale,
        timezone=person.timezone or organization.timezone,
        url=url,
        title=title,
        person=person.id,
    )


def _unsubscribe(organization: Organization, told: _Told, places: Places) -> str | None:
    if told.topic is None or told.person is None:
        return None
    token = unsubscribe_token(places.key, organization.id, told.person, told.topic)
    return places.address(organization, f"/auth/unsubscribe?token={token}")


def _moment(moment: datetime, timezone: str) -> str:
    local = moment.astimezone(ZoneInfo(timezone))
    return f"{local:%Y-%m-%d %H:%M} ({timezone})"


def _filled(text: str, values: Mapping[str, str]) -> str:
    """What is put in is not looked at again."""
    parts, rest = list[str](), text
    while rest:
        at = {place: rest.find(place) for place in values if place in rest}
        if not at:
            return "".join([*parts, rest])
        place = min(at, key=lambda each: at[each])
        before, _, rest = rest.partition(place)
        parts += [before, values[place]]
    return "".join(parts)


def _text(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"


def _page(
    *, logo: str | None, items: Sequence[str], unsubscribe: tuple[str, str] | None, **values: str
) -> str:
    """Every value is escaped here. `unsubscribe`: what it says, and where it leads."""
    escaped: dict[str, Any] = {name: html.escape(value) for name, value in values.items()}
    name = escaped["organization"]
    head = name if logo is None else f'<img src="{html.escape(logo)}" alt="{name}" height="48">'
    template = Template((resources.files("harka.mail") / "letter.html").read_text())
    told = "".join(f"<li>{html.escape(each)}</li>" for each in items)
    foot = "" if unsubscribe is None else '<a href="{1}">{0}</a>'.format(*map(html.escape, unsubscribe))
    return template.substitute(escaped, head=head, items=f"<ul>{told}</ul>" if told else "", foot=foot)
