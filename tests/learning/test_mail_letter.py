"""What an e-mail says: of now, in the reader's language, whatever anybody is called."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from academy import Academy
from harka import clock
from harka.auth.mail_token import unsubscribe_token
from harka.files.store import FileStore
from harka.ids import new_id
from harka.learning import completion, invitation, mail_topic, user
from harka.learning.completion import CompletionEntry
from harka.learning.invitation import InvitationDraft
from harka.learning.mail import AlertLine, Kind, Mail, MailTopic
from harka.learning.mail_letter import Places, letter_of
from harka.learning.user import UserChanges
from harka.mail.letter import Letter
from harka.repositories.user import User

KEY = bytes(32)
PLACES = Places("http://{host}:8000", "harka.localhost", FileStore("memory:///", bytes(32)), KEY)
EVIL = "{organization} {title} <b>&\"'</b> {0.__class__} $url"


async def written(academy: Academy, mail: Mail) -> Letter | None:
    async with academy.work(read_only=True) as work:
        return await letter_of(work, mail, PLACES)


def reset_of(person: User, **values: Any) -> Mail:
    until = clock.now() + timedelta(hours=1)
    return Mail(
        **({"id": new_id(), "kind": Kind.RESET, "about": person.id, "token": "hp_x", "until": until} | values)
    )


async def changed(academy: Academy, person: User, **changes: Any) -> User:
    async with academy.work() as work:
        return await user.update(work, person.id, UserChanges(**changes), version=person.version)


async def test_it_is_in_the_language_of_who_reads_it(academy: Academy) -> None:
    person = await changed(academy, await academy.user(), locale="de-AT", timezone="Europe/Vienna")
    letter = await written(academy, reset_of(person))
    assert letter is not None
    assert (letter.to, letter.to_name, letter.language) == (person.email, person.name, "de")
    assert letter.subject == "Ihr Passwort bei Academy"
    url = f"http://{academy.organization.slug}.harka.localhost:8000/auth/reset?token=hp_x"
    assert f"Passwort setzen: {url}\n" in letter.text
    assert f'href="{url}"' in letter.html
    assert "(Europe/Vienna)" in letter.text
    assert (letter.sender_name, letter.reply_to) == ("Academy", None)


async def test_it_is_signed_as_the_organization_says(academy: Academy) -> None:
    settings = {"mail": {"senderName": "Learning at Acme", "replyTo": "help@acme.example"}}
    acme = Academy(academy.parts, msgspec.structs.replace(academy.organization, settings=settings))
    letter = await written(acme, reset_of(await academy.user()))
    assert letter is not None
    assert (letter.sender_name, letter.reply_to) == ("Learning at Acme", "help@acme.example")


async def test_a_name_is_a_name_and_no_markup(academy: Academy) -> None:
    evil = Academy(academy.parts, msgspec.structs.replace(academy.organization, name=EVIL))
    person = await changed(academy, await academy.user(), name=EVIL)
    letter = await written(evil, reset_of(person))
    assert letter is not None
    assert letter.text.startswith(f"Hello {EVIL},\n")
    assert "<b>" not in letter.html
    assert "&lt;b&gt;&amp;&quot;&#x27;&lt;/b&gt; {0.__class__} $url" in letter.html


async def test_what_is_good_for_nothing_any_more_is_not_sent(academy: Academy) -> None:
    person = await academy.user()
    assert await written(academy, reset_of(person, until=clock.now() - timedelta(seconds=1))) is None
    assert await written(academy, reset_of(await academy.user(status="inactive"))) is None
    for kind in Kind:
        assert await written(academy, Mail(id=new_id(), kind=kind, about=new_id(), token="x")) is None


@pytest.mark.parametrize("revoked", [False, True])
async def test_an_invitation_is_sent_while_it_is_open(academy: Academy, *, revoked: bool) -> None:
    async with academy.work() as work:
        invited = await invitation.invite(work, InvitationDraft(email="new@example.com"))
        if revoked:
            await invitation.revoke(work, invited.invitation.id)
    about = invited.invitation.id
    letter = await written(academy, Mail(id=new_id(), kind=Kind.INVITATION, about=about, token=invited.token))
    if revoked:
        assert letter is None
    else:
        assert letter is not None
        assert letter.to == "new@example.com"
        assert f"/auth/invitation?token={invited.token}" in letter.text


def alert_for(person: User) -> Mail:
    lines = [AlertLine("webhooks_paused", "critical", 2), AlertLine("<b>", "warning", 1)]
    return Mail(id=new_id(), kind=Kind.ALERT, about=person.id, lines=lines)


async def test_an_alert_tells_who_is_in_charge_and_how_to_end_it(academy: Academy) -> None:
    owner = await changed(academy, await academy.user("owner"), locale="de")
    letter = await written(academy, alert_for(owner))
    assert letter is not None
    assert "- Webhook-Endpunkte wurden angehalten und erfahren nichts mehr (2)\n- <b> (1)\n" in letter.text
    assert "<li>&lt;b&gt; (1)</li>" in letter.html
    token = unsubscribe_token(KEY, academy.organization.id, owner.id, "health_alerts")
    host = f"http://{academy.organization.slug}.harka.localhost:8000"
    assert letter.unsubscribe == f"{host}/auth/unsubscribe?token={token}"
    assert f"Keine solchen E-Mails mehr erhalten: {letter.unsubscribe}\n" in letter.text
    assert f'<a href="{letter.unsubscribe}">' in letter.html
    assert f"{host}/dashboard" in letter.text


async def test_an_alert_is_not_for_who_is_in_charge_no_more_or_has_refused_it(academy: Academy) -> None:
    owner, admin = await academy.user("owner"), await academy.user("admin")
    assert await written(academy, alert_for(admin)) is not None
    async with academy.work(academy.acting(owner)) as work:
        await mail_topic.choose(work, MailTopic.HEALTH_ALERTS, subscribed=False)
    await changed(academy, admin, role="learner")
    for person in (owner, admin):
        assert await written(academy, alert_for(person)) is None


async def test_owners_are_told_who_came_in_past_the_provider_and_nobody_else_is(academy: Academy) -> None:
    owner, came_in = await academy.user("owner"), await academy.user("owner")

    async def told(person: User) -> Letter | None:
        mail = Mail(id=new_id(), kind=Kind.BREAK_GLASS, about=person.id, person=came_in.id)
        return await written(academy, mail)

    letter = await told(owner)
    assert letter is not None
    assert (letter.to, letter.unsubscribe) == (owner.email, None)
    assert letter.subject == f"Academy: {came_in.name} came in past single sign-on"
    assert f"{came_in.name} has signed in at Academy as an owner" in letter.text
    await changed(academy, owner, role="admin")
    assert await told(owner) is None


@pytest.mark.parametrize("refused", [False, True])
async def test_a_certificate_is_told_to_who_wants_it(academy: Academy, *, refused: bool) -> None:
    person, course = await academy.user(), await academy.course(certifies=True)
    enrolled = await academy.enrollment(person, course)
    async with academy.work() as work:
        await completion.complete_many(work, [CompletionEntry(enrollment_id=enrolled.id)])
    (issued,) = await academy.rows("certificate")
    async with academy.work(academy.acting(person)) as work:
        await mail_topic.choose(work, MailTopic.CERTIFICATES, subscribed=not refused)
    letter = await written(academy, Mail(id=new_id(), kind=Kind.CERTIFICATE, about=UUID(issued["id"])))
    assert (letter is None) is refused
    assert letter is None or "/auth/unsubscribe?token=hu_" in str(letter.unsubscribe)


async def test_what_answers_somebody_cannot_be_refused(academy: Academy) -> None:
    letter = await written(academy, reset_of(await academy.user()))
    assert letter is not None
    assert letter.unsubscribe is None
    assert "unsubscribe" not in letter.text + letter.html
