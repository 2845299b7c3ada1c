"""What e-mails are put in, with the change that they tell of, and what an organization may say of them."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from academy import Academy
from harka import clock
from harka.errors import ValidationError
from harka.ids import new_id
from harka.learning import completion, mail
from harka.learning.completion import CompletionEntry
from harka.learning.mail import RETRY_DELAYS, Kind, Mail
from harka.queue import sealing
from harka.queue.message import SEND_MAIL
from harka.repositories.certificate import Issued

KEY = bytes(32)
TELLING = {"mail": {"certificates": True}}


def saying(academy: Academy, **settings: Any) -> Academy:
    return Academy(academy.parts, msgspec.structs.replace(academy.organization, settings=settings))


async def mails(academy: Academy) -> list[dict[str, Any]]:
    return [each for each in await academy.rows("job") if each["type"] == SEND_MAIL]


async def test_of_a_link_nothing_can_be_read(academy: Academy) -> None:
    about = new_id()
    async with academy.work() as work:
        await mail.post_link(work, Kind.RESET, about, "hp_secret", clock.now(), seal_key=KEY)
    (job,) = await mails(academy)
    assert job["payload"] == {}
    sealed = bytes.fromhex(job["sealed"].removeprefix("\\x"))
    opened = sealing.open_payload(KEY, sealed, tenant=academy.organization.id, job=UUID(job["id"]))
    assert msgspec.convert(opened, Mail).token == "hp_secret"


async def test_what_is_undone_is_not_told(academy: Academy) -> None:
    async with academy.work() as work:
        await mail.post_link(work, Kind.RESET, new_id(), "hp_secret", clock.now(), seal_key=KEY)
        await work.rollback()
    assert await mails(academy) == []


async def test_certificates_are_told_where_it_is_wanted(academy: Academy) -> None:
    """By one statement for all; an import tells nobody."""
    issued = [Issued(new_id(), new_id(), None) for _ in range(3)]
    wanted = saying(academy, **TELLING)
    boss = wanted.acting(await academy.user("admin"))
    for each, context in ((academy, academy.acting(await academy.user("admin"))), (wanted, wanted.operator)):
        async with each.work(context) as work:
            await mail.post_certificates(work, issued)
        assert (each.statements, await mails(academy)) == (0, [])
    async with wanted.work(boss) as work:
        await mail.post_certificates(work, issued)
        assert work.session.statements == 1
    about = {job["payload"]["about"] for job in await mails(academy)}
    assert about == {str(each.id) for each in issued}


async def test_who_completes_a_course_is_told_of_the_certificate(academy: Academy) -> None:
    wanted = saying(academy, **TELLING)
    course = await wanted.course(certifies=True)
    enrolled = await wanted.enrollment(await wanted.user(), course)
    boss = wanted.acting(await wanted.user("admin"))
    for _ in range(2):
        async with wanted.work(boss) as work:
            await completion.complete_many(work, [CompletionEntry(enrollment_id=enrolled.id)])
    (certificate,) = await wanted.rows("certificate")
    assert [job["payload"]["about"] for job in await mails(academy)] == [certificate["id"]]


async def test_what_was_not_taken_is_tried_again_so_often(academy: Academy) -> None:
    first = Mail(id=new_id(), kind=Kind.CERTIFICATE, about=new_id())
    async with academy.work() as work:
        assert await mail.again(work, first, seal_key=KEY)
    (job,) = await mails(academy)
    due = clock.now() + timedelta(seconds=RETRY_DELAYS[0])
    assert abs(type(due).fromisoformat(job["run_at"]) - due) < timedelta(seconds=30)
    last = msgspec.structs.replace(first, tries=len(RETRY_DELAYS))
    async with academy.work() as work:
        assert not await mail.again(work, last, seal_key=KEY)
    assert len(await mails(academy)) == 1


@pytest.mark.parametrize(
    "given",
    [
        "mail",
        {"senderName": "A\nBcc: x@evil.example"},
        {"senderName": ""},
        {"senderName": "x" * 101},
        {"replyTo": "nobody"},
        {"replyTo": "a@b.example\r\nBcc: c@d.example"},
        {"certificates": "yes"},
        {"bcc": "a@b.example"},
    ],
    ids=lambda value: str(value)[:24],
)
def test_what_an_organization_cannot_say_is_refused(academy: Academy, given: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        mail.accept_settings(given)
    assert refused.value.field == "settings"
    assert mail.settings_of(saying(academy, mail=given).organization) == mail.MailSettings()
