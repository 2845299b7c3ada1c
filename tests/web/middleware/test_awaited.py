"""Over real connections: no page is worked on past its deadline, or when its client has left."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from conftest import Servers
from entering import PASSWORD, give_password, visiting
from harka import clock
from harka.auth.mail_token import unsubscribe_token
from harka.ids import new_id
from harka.learning import branding, mail_topic
from harka.learning.branding import BrandingChanges
from harka.learning.mail import MailTopic
from harka.storage.location import admin_url
from harka.storage.migrate import connected
from school import School, school
from waiting import until

__all__ = ["school"]

# of what a tenth of that is to be the answer to
SERVERS_OWN = 10.0
BLOCKED = """SELECT count(*) FROM pg_stat_activity
  WHERE state = 'active' AND query NOT LIKE $2 AND $1 = ANY (pg_blocking_pids(pid))"""

Count = Callable[[], Awaitable[int]]
Asked = tuple[str, str, dict[str, Any]]


async def sign_in(_: School) -> Asked:
    return "GET", "/auth/sign-in", {}


async def invitation(_: School) -> Asked:
    return "GET", "/auth/invitation?token=x", {}


async def logo(school: School) -> Asked:
    picture = b64encode(b'<svg xmlns="http://www.w3.org/2000/svg"/>').decode()
    async with school.work() as work:
        return (
            "GET",
            f"/files/branding/{(await branding.save_draft(work, BrandingChanges(logo=picture))).logo_hash}",
            {},
        )


async def certificate(school: School) -> Asked:
    link = school.runtime.files.sign(
        school.organization.id, f"certificates/{new_id().hex}.pdf", lifetime=60.0
    )
    return "GET", f"/files/certificates/{link}", {}


async def person(school: School) -> Asked:
    """Who has to be looked up before anything else."""
    headers = {**await school.headers(school.learner), "accept": "text/event-stream"}
    return "GET", "/graphql?query={viewer{kind}}", {"headers": headers}


async def person_who_posts(school: School) -> Asked:
    query = {"query": "{ viewer { kind } }"}
    return "POST", "/graphql", {"headers": await school.headers(school.learner), "json": query}


async def unsubscribe(school: School) -> Asked:
    key = school.runtime.keyring.mail
    token = unsubscribe_token(key, school.organization.id, school.learner.id, MailTopic.CERTIFICATES)
    return "POST", f"/auth/unsubscribe?token={token}", {}


async def refresh(school: School) -> Asked:
    """Its key is looked up in the catalog, whose statements stand by themselves."""
    await give_password(school, school.learner)
    async with visiting(school) as app:
        who = {"email": school.learner.email, "password": PASSWORD}
        token = (await app.http.post("/auth/token", json=who)).json()["refresh_token"]
    return "POST", "/auth/refresh", {"json": {"refresh_token": token}}


READS = [
    (sign_in, "sso_connection"),
    (invitation, "branding"),
    (logo, "branding_asset"),
    (certificate, "certificate"),
    (person, '"user"'),
    (person_who_posts, '"user"'),
    (refresh, "signing_key"),
]


@asynccontextmanager
async def locked(
    servers: Servers, school: School, table: str
) -> AsyncIterator[tuple[Count, Callable[[], Awaitable[None]]]]:
    """While nobody may read the table: how many statements on it wait, and what lets them in."""
    settings, location = school.runtime.settings, school.organization.location
    is_control = table == "signing_key"
    url = admin_url(settings) if is_control else admin_url(settings, location.database)
    schema = "control" if is_control else location.schema
    async with connected(url) as owner, connected(servers.admin_url) as watching:
        transaction = owner.transaction()
        await transaction.start()
        await owner.execute(f"LOCK TABLE {schema}.{table} IN ACCESS EXCLUSIVE MODE")
        # the directory reads all keys of many now and then
        of_many = "%ANY($1%"

        async def count() -> int:
            return int(await watching.fetchval(BLOCKED, owner.get_server_pid(), of_many))

        yield count, transaction.rollback


class Caller:
    """Of a server in front of a school; a connection of its own for each request."""

    def __init__(self, live_server: Any, school: School) -> None:
        self._address, self._host = live_server.address, school.host

    async def __call__(self, asked: Asked, **headers: str) -> httpx2.Response:
        method, path, more = asked
        given = {"host": self._host, **more.get("headers", {}), **headers}
        async with httpx2.AsyncClient(base_url=self._address, timeout=None) as http:
            return await http.request(method, path, **{**more, "headers": given})

    async def is_known(self) -> bool:
        """The other process hears of the new organization by NOTIFY."""
        return (await self(("GET", "/.well-known/jwks.json", {}))).status_code == 200


@pytest.fixture
async def caller(live_server: Any, school: School) -> Caller:
    made = Caller(live_server, school)
    await until(made.is_known)
    return made


@pytest.mark.parametrize(("page", "table"), [*READS, (unsubscribe, "mail_refusal")])
async def test_a_page_is_bounded_by_the_requests_deadline(
    servers: Servers, school: School, caller: Caller, page: Callable[[School], Awaitable[Asked]], table: str
) -> None:
    asked = await page(school)
    async with locked(servers, school, table) as (waiting, _):
        began = clock.monotonic()
        answer = await caller(asked, **{"x-request-deadline": "0.5"})
        assert clock.monotonic() - began < SERVERS_OWN / 2
        told = answer.json()["errors"][0]["extensions"]["code"]
        assert (answer.status_code, told) == (504, "DEADLINE_EXCEEDED")

        async def is_over() -> bool:
            return await waiting() == 0

        await until(is_over, within=SERVERS_OWN / 2)


@pytest.mark.parametrize(("page", "table"), READS)
async def test_what_a_client_that_has_left_asked_for_is_no_longer_worked_on(
    servers: Servers, school: School, caller: Caller, page: Callable[[School], Awaitable[Asked]], table: str
) -> None:
    asked = await page(school)
    async with locked(servers, school, table) as (waiting, _):
        leaving = asyncio.create_task(caller(asked))
        await until(waiting)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving

        async def is_over() -> bool:
            return await waiting() == 0

        await until(is_over, within=SERVERS_OWN / 2)


async def test_who_wants_no_more_e_mails_need_not_wait(
    servers: Servers, school: School, caller: Caller
) -> None:
    async with locked(servers, school, "mail_refusal") as (waiting, unlock):
        leaving = asyncio.create_task(caller(await unsubscribe(school)))
        await until(waiting)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        # the server has heard of it once it answers a newcomer
        await caller.is_known()
        assert await waiting() == 1
        await unlock()

    async def is_refused() -> bool:
        async with school.work() as work:
            return await mail_topic.is_refused(work, school.learner.id, MailTopic.CERTIFICATES)

    await until(is_refused)
