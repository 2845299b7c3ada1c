"""Who asks for a link to set a password gets it, if they may; nobody is told who may."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from entering import give_password
from harka import clock
from harka.errors import RateLimitedError, ValidationError
from harka.ids import NodeKind
from harka.learning import password_request, user
from harka.queue.message import RESET_PASSWORD, SEND_MAIL
from harka.repositories import sso as connections
from harka.repositories.sso import SsoConnection, SsoState
from harka.repositories.user import User
from harka.storage.statement import Statement
from harka.tenancy.context import ANONYMOUS, TenantContext
from mailing import links, mailing, work_off
from provider import Provider
from school import School, school
from sso_school import connection, give_second_factor, issuer, provider, working

__all__ = ["connection", "issuer", "provider", "school"]

ADDRESS = "203.0.113.7"
JOBS = Statement("test.jobs", "SELECT type, payload::text FROM {schema}.job WHERE tenant_id = $1 ORDER BY id")
RESETS = Statement(
    "test.resets", "SELECT user_id, expires_at FROM {schema}.password_reset WHERE tenant_id = $1"
)


async def ask(school: School, email: str, address: str = ADDRESS) -> None:
    nobody = TenantContext(organization=school.organization, actor=ANONYMOUS)
    await password_request.ask(school.runtime.entrance, nobody, email, address)


async def rows(school: School, statement: Statement) -> list[Any]:
    async with school.work() as work:
        return list(await work.session.fetch(statement))


async def test_a_link_is_sent_to_who_is_here(school: School) -> None:
    await give_password(school, school.learner)
    async with mailing(school) as (posting, server):
        await ask(posting, school.learner.email.upper())
        # what was typed is nobody's to read
        assert school.learner.email not in str(await rows(school, JOBS)).lower()
        assert await work_off(posting) == [RESET_PASSWORD, SEND_MAIL]
        assert len(links(server, school.learner.email)) == 1
    ((person, expires_at),) = await rows(school, RESETS)
    assert person == school.learner.id
    assert timedelta(minutes=28) < expires_at - clock.now() <= timedelta(minutes=30)


async def test_to_nobody_else_and_for_everybody_the_same_is_done(school: School) -> None:
    await give_password(school, school.learner)
    await give_password(school, school.other)
    async with school.work() as work:
        await user.deactivate(work, school.other.id)
    before = len(await rows(school, JOBS))
    async with mailing(school) as (posting, server):
        for email in ("nobody@example.com", school.other.email, school.learner.email):
            await ask(posting, email)
        asked = (await rows(school, JOBS))[before:]
        assert [tuple(each) for each in asked] == [(RESET_PASSWORD, "{}")] * 3
        await work_off(posting)
        assert [each["To"].addresses[0].addr_spec for each in server.received] == [school.learner.email]


async def enforced(school: School, connection: SsoConnection) -> None:
    async with working(school) as work:
        await connections.prove(work.session, connection)
        (proven,) = await connections.find_by_ids(work.session, [connection.id])
        await connections.update(work.session, msgspec.structs.replace(proven, state=str(SsoState.ENFORCED)))


async def reached(school: School, *people: User) -> list[str]:
    """Who gets a link of those who ask."""
    async with mailing(school) as (posting, server):
        for person in people:
            await ask(posting, person.email)
        await work_off(posting)
        return [each["To"].addresses[0].addr_spec for each in server.received]


async def test_where_sign_on_is_enforced_only_who_may_break_the_glass(
    school: School, connection: SsoConnection
) -> None:
    for person in (school.owner, school.learner):
        await give_password(school, person)
    await enforced(school, connection)
    assert await reached(school, school.owner, school.learner) == []
    await give_second_factor(school, school.owner)
    assert await reached(school, school.owner, school.learner) == [school.owner.email]


async def test_who_comes_in_by_a_provider_alone_gets_no_first_password(
    school: School, connection: SsoConnection, provider: Provider
) -> None:
    async with working(school) as work:
        for person in (school.learner, school.instructor):
            await connections.link(work.session, connection.id, provider.issuer, person.id.hex, person.id)
    await give_password(school, school.instructor)
    # `other` has no password either, and no provider: theirs is their first
    people = (school.learner, school.instructor, school.other)
    assert await reached(school, *people) == [school.instructor.email, school.other.email]


async def test_a_later_link_makes_an_earlier_one_good_for_nothing(school: School) -> None:
    await give_password(school, school.learner)
    async with mailing(school) as (posting, server):
        for _ in range(2):
            await ask(posting, school.learner.email)
            await work_off(posting)
        first, second = links(server, school.learner.email)
        reset = 'mutation($t: String!) { resetPassword(input: {token: $t, password: "brass otter quilt 9"}) '
        reset += "{ errors { code } } }"
        assert (await posting.ask(reset, {"t": first}, caller=None)).code == "NOT_FOUND"
        assert (await posting.ask(reset, {"t": second}, caller=None)).codes == []
        assert (await posting.ask(reset, {"t": second}, caller=None)).code == "NOT_FOUND"
    events = "{ events(first: 50, filter: {types: [USER_PASSWORD_RESET]}) "
    events += "{ nodes { actorKind user { id } } } }"
    told = (await school.ask(events)).data["events"]["nodes"]
    assert told == [{"actorKind": "ANONYMOUS", "user": {"id": school.id(NodeKind.USER, school.learner)}}]


async def test_one_account_and_one_address_ask_only_so_often(school: School) -> None:
    for _ in range(3):
        await ask(school, "somebody@example.com", "198.51.100.1")
    with pytest.raises(RateLimitedError):
        await ask(school, "Somebody@example.com", "198.51.100.2")
    for number in range(17):
        await ask(school, f"n{number}@example.com", "198.51.100.1")
    with pytest.raises(RateLimitedError):
        await ask(school, "another@example.com", "198.51.100.1")
    await ask(school, "another@example.com", "198.51.100.3")


async def test_a_person_is_not_flooded_however_their_address_is_spelt(school: School) -> None:
    await give_password(school, school.learner)
    async with mailing(school) as (posting, server):
        for _ in range(5):
            # asked for past the first limit, as by another spelling of it
            asked = msgspec.to_builtins(password_request.ResetAsked(school.learner.email))
            async with posting.work() as work:
                await work.enqueue(RESET_PASSWORD, asked, seal_key=posting.runtime.keyring.seal)
        await work_off(posting)
        assert len(links(server, school.learner.email)) == 3


@pytest.mark.parametrize("email", ["", "nobody", "a\0@example.com", "x" * 5000, "a@b.example\r\nBcc: c"])
async def test_what_is_no_address_is_told_so(school: School, email: str) -> None:
    with pytest.raises(ValidationError):
        await ask(school, email)
