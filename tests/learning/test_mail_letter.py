"""What an e-mail says: of now, in the reader's language, whatever anybody is called."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from academy import Academy
from harka import clock
from harka.files.store import FileStore
from harka.ids import new_id
from harka.learning import invitation, user
from harka.learning.invitation import InvitationDraft
from harka.learning.mail import Kind, Mail
from harka.learning.mail_letter import Places, letter_of
from harka.learning.user import UserChanges
from harka.mail.letter import Letter
from harka.repositories.user import User

PLACES = Places("http://{host}:8000", "harka.localhost", FileStore("memory:///", bytes(32)))
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
