"""From a mutation's change to the server that takes the e-mail."""

import msgspec

from academy import Academy
from harka.learning import invitation, mail, mail_sender
from harka.learning.invitation import InvitationDraft
from harka.learning.mail import Kind
from harka.learning.mail_sender import SenderDraft
from harka.mail.mailer import Mailer
from harka.queue.message import SEND_MAIL
from harka.runtime import Runtime
from harka.worker.execution import Execution
from harka.worker.units import Units
from smtp_server import SmtpServer, smtp_server


def posting(runtime: Runtime, url: str | None) -> Runtime:
    settings = msgspec.structs.replace(
        runtime.settings, smtp_url=url, mail_from="no-reply@learning.example", mail_outbox=None
    )
    return msgspec.structs.replace(runtime, settings=settings, mailer=Mailer(settings))


async def invited(runtime: Runtime, academy: Academy) -> str:
    return await invited_as(runtime, academy, "new@example.com")


async def invited_as(runtime: Runtime, academy: Academy, email: str) -> str:
    async with academy.work() as work:
        made = await invitation.invite(work, InvitationDraft(email=email))
        until, id_ = made.invitation.expires_at, made.invitation.id
        key = runtime.keyring.seal
        await mail.post_link(work, Kind.INVITATION, id_, made.token, until, seal_key=key)
    return made.token


async def states(runtime: Runtime, academy: Academy) -> list[str]:
    """Of the jobs, once those that are due have been run."""
    execution = Execution(runtime)
    for run in (await execution.claim(academy.organization, 9)).runs:
        await execution.run(academy.organization, run)
    return [each["state"] for each in await academy.rows("job") if each["type"] == SEND_MAIL]


async def test_it_comes_once(runtime: Runtime, academy: Academy) -> None:
    token = await invited(runtime, academy)
    async with smtp_server() as server:
        assert await states(posting(runtime, server.url), academy) == ["done"]
        assert await states(posting(runtime, server.url), academy) == ["done"]
    (came,) = server.received
    assert came["To"] == "new@example.com <new@example.com>" or "new@example.com" in came["To"]
    assert came["From"].addresses[0].display_name == academy.organization.name
    assert token in came.as_string()


async def test_what_is_not_taken_waits_for_later(runtime: Runtime, academy: Academy) -> None:
    await invited(runtime, academy)
    async with smtp_server() as server:
        server.answers["RCPT"] = "451 later"
        assert await states(posting(runtime, server.url), academy) == ["done", "queued"]
    assert server.received == []


async def test_nobody_at_the_address_is_the_end_of_it(runtime: Runtime, academy: Academy) -> None:
    await invited(runtime, academy)
    async with smtp_server() as server:
        server.answers["RCPT"] = "550 nobody"
        assert await states(posting(runtime, server.url), academy) == ["done"]


async def test_without_a_server_nothing_is_sent(runtime: Runtime, academy: Academy) -> None:
    await invited(runtime, academy)
    assert await states(posting(runtime, None), academy) == ["done"]


async def by_own_server(runtime: Runtime, academy: Academy, server: SmtpServer) -> Runtime:
    boss = await academy.user("admin")
    draft = SenderDraft(
        address="hello@acme.example",
        host="localhost",
        port=server.port,
        start_tls=True,
        username="acme",
        password="brass otter",
    )
    settings = msgspec.structs.replace(runtime.settings, outbound_private=True)
    private = msgspec.structs.replace(runtime, settings=settings)
    units = Units(private, academy.organization, "test")
    async with units.begin(academy.acting(boss), timeout=10.0) as work:
        await mail_sender.put(work, draft, version=None, seal_key=runtime.keyring.seal)
    server.answers["EHLO"] = "250-here\r\n250 AUTH PLAIN"
    return private


async def test_an_own_server_is_tried_and_then_used(runtime: Runtime, academy: Academy) -> None:
    async with smtp_server() as ours, smtp_server() as theirs:
        theirs.answers["AUTH"] = "235 in"
        await invited(runtime, academy)
        private = posting(await by_own_server(runtime, academy, theirs), ours.url)
        assert await states(private, academy) == ["done", "done"]
        assert [len(ours.received), len(theirs.received)] == [1, 1]
        await invited_as(runtime, academy, "bob@example.com")
        assert await states(private, academy) == ["done"] * 3
        assert [len(ours.received), len(theirs.received)] == [1, 2]
    assert theirs.received[1]["From"].addresses[0].addr_spec == "hello@acme.example"


async def test_an_own_server_that_lets_nobody_in_says_why(runtime: Runtime, academy: Academy) -> None:
    async with smtp_server() as ours, smtp_server() as theirs:
        theirs.answers["AUTH"] = "535 not you"
        private = posting(await by_own_server(runtime, academy, theirs), ours.url)
        assert await states(private, academy) == ["queued"]
        await invited(runtime, academy)
        assert "done" in await states(private, academy)
        assert [len(ours.received), len(theirs.received)] == [1, 0]
    (row,) = await academy.rows("mail_sender")
    assert "535" in row["error"]
    assert row["verified_at"] is None
