import asyncio
import time

import httpx2
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from doors import Echo, MakeTenant, client, scoped
from harka.auth import api_key
from harka.errors import NotFoundError
from harka.ids import new_id
from harka.repositories.api_key import list_by_tenant
from harka.runtime import Runtime
from harka.tenancy.context import ANONYMOUS, Actor, ActorKind
from harka.tenancy.entitling import Wanted, change
from harka.tenancy.line import Rank
from harka.tenancy.permission import Permission
from harka.tenancy.plan import Plan
from harka.tenancy.pools import RUNNING
from harka.web.middleware.failures import FailuresMiddleware
from harka.web.middleware.request_scope import RequestRecord
from harka.web.middleware.tenant_door import HostDoor, TenantDoor, rank_of

GATE = "http://gate.harka.localhost"


def behind(app: ASGIApp, *, trusted_proxies: str = "") -> ASGIApp:
    return scoped(FailuresMiddleware(app), trusted_proxies=trusted_proxies)


def code(answer: httpx2.Response) -> str:
    (error,) = answer.json()["errors"]
    found: str = error["extensions"]["code"]
    return found


async def test_a_request_arrives_with_its_tenant_and_nothing_sent_to_the_database(
    runtime: Runtime, make_tenant: MakeTenant
) -> None:
    tenant, echo = await make_tenant(), Echo()
    key = await api_key.create(runtime.catalog, tenant.id, name="test", scopes=[Permission.COURSE_READ])
    await runtime.directory.reread(tenant.id)
    async with client(
        behind(TenantDoor(echo, runtime)), base_url=f"http://{tenant.slug}.harka.localhost"
    ) as http:
        answer = await http.get("/", headers={"x-api-key": key.text})
    assert answer.status_code == 200
    request = echo.scope["harka"]
    assert request.tenant.id == request.record.tenant == tenant.id
    assert request.tenant.actor.kind is request.record.actor is ActorKind.API_KEY
    assert request.tenant.request_id == request.id == answer.headers["x-request-id"]
    assert request.tenant.deadline == request.deadline
    assert request.record.statements == 0


async def test_without_credentials_the_caller_is_nobody(runtime: Runtime, make_tenant: MakeTenant) -> None:
    tenant, echo = await make_tenant(), Echo()
    async with client(
        behind(TenantDoor(echo, runtime)), base_url=f"http://{tenant.slug}.harka.localhost"
    ) as http:
        assert (await http.get("/")).status_code == 200
    assert echo.scope["harka"].tenant.actor.kind is ActorKind.ANONYMOUS
    assert echo.scope["harka"].tenant.permissions == frozenset()


@pytest.mark.parametrize("door", [TenantDoor, HostDoor])
@pytest.mark.parametrize(
    ("host", "status", "expected"),
    [
        ("nobody-here.harka.localhost", 404, "UNKNOWN_TENANT"),
        ("www.harka.localhost", 404, "UNKNOWN_TENANT"),
        ("gate.harka.localhost.evil.example", 404, "UNKNOWN_TENANT"),
        ("gate.harka.localhost:80:80", 400, "BAD_REQUEST"),
        ("gate harka.localhost", 400, "BAD_REQUEST"),
    ],
)
async def test_a_host_that_is_nobodys_is_refused_by_both_doors(
    runtime: Runtime, door: type[TenantDoor | HostDoor], host: str, status: int, expected: str
) -> None:
    echo = Echo()
    async with client(behind(door(echo, runtime)), base_url=GATE) as http:
        answer = await http.get("/", headers={"host": host})
    assert (answer.status_code, code(answer)) == (status, expected)
    assert echo.scope == {}


@pytest.mark.parametrize("door", [TenantDoor, HostDoor])
async def test_a_forwarded_host_counts_from_a_proxy_alone(
    runtime: Runtime, make_tenant: MakeTenant, door: type[TenantDoor | HostDoor]
) -> None:
    ours, theirs = await make_tenant(), await make_tenant()
    forwarded = {"x-forwarded-host": f"{theirs.slug}.harka.localhost"}

    async def reached(address: str) -> object:
        echo = Echo()
        app = behind(door(echo, runtime), trusted_proxies="10.0.0.0/8")
        async with client(app, address=address, base_url=f"http://{ours.slug}.harka.localhost") as http:
            await http.get("/", headers=forwarded)
        return echo.scope["harka"].record.tenant

    assert await reached("203.0.113.9") == ours.id
    assert await reached("10.0.0.1") == theirs.id


async def test_a_key_of_another_tenant_is_refused_without_telling_whose_it_is(
    runtime: Runtime, make_tenant: MakeTenant
) -> None:
    ours, theirs, echo = await make_tenant(), await make_tenant(), Echo()
    key = await api_key.create(runtime.catalog, theirs.id, name="test", scopes=[Permission.COURSE_READ])
    await runtime.directory.reread(theirs.id)
    async with client(
        behind(TenantDoor(echo, runtime)), base_url=f"http://{ours.slug}.harka.localhost"
    ) as http:
        answer = await http.get("/", headers={"x-api-key": key.text})
    assert (answer.status_code, code(answer)) == (403, "FORBIDDEN")
    assert str(theirs.id) not in answer.text
    assert echo.scope == {}


async def test_who_is_refused_counts_for_the_tenant_at_whose_address_it_was(
    runtime: Runtime, make_tenant: MakeTenant
) -> None:
    ours, theirs = await make_tenant(), await make_tenant()
    key = await api_key.create(runtime.catalog, theirs.id, name="test", scopes=[Permission.COURSE_READ])
    await runtime.directory.reread(theirs.id)
    records: list[RequestRecord] = []
    door = TenantDoor(Echo(), runtime)

    async def noted(scope: Scope, receive: Receive, send: Send) -> None:
        records.append(scope["harka"].record)
        await door(scope, receive, send)

    strangers = "hk_000000000000_" + "s" * 43
    async with client(behind(noted), base_url=f"http://{ours.slug}.harka.localhost") as http:
        answers = [await http.get("/", headers={"x-api-key": text}) for text in (strangers, key.text)]
    assert [answer.status_code for answer in answers] == [401, 403]
    assert [record.tenant for record in records] == [ours.id, ours.id]


async def test_the_use_of_a_key_is_noted_unless_it_was_refused(
    runtime: Runtime, make_tenant: MakeTenant
) -> None:
    ours, theirs = await make_tenant(), await make_tenant()
    made = [
        await api_key.create(runtime.catalog, each.id, name="test", scopes=[Permission.COURSE_READ])
        for each in (ours, theirs)
    ]
    await runtime.directory.reread(ours.id, theirs.id)
    async with client(
        behind(TenantDoor(Echo(), runtime)), base_url=f"http://{ours.slug}.harka.localhost"
    ) as http:
        answers = [await http.get("/", headers={"x-api-key": each.text}) for each in made]
    assert [each.status_code for each in answers] == [200, 403]
    await runtime.key_usage.flush()
    (used,), (unused,) = [await list_by_tenant(runtime.catalog, each.id) for each in (ours, theirs)]
    assert used.last_used_at is not None
    assert used.last_used_at >= used.created_at
    assert unused.last_used_at is None


async def test_beyond_its_plan_a_tenant_waits_and_others_do_not(
    runtime: Runtime, make_tenant: MakeTenant
) -> None:
    busy, calm = await make_tenant(plan=Plan.STARTER), await make_tenant(plan=Plan.STARTER)
    app, burst = behind(TenantDoor(Echo(), runtime)), 50
    # hardly any comes back while the test runs
    wanted = Wanted(limits={"burst": burst, "requests_per_second": 0.001, "concurrent_requests": 1000})
    await change(runtime.catalog, busy, wanted, actor="test")
    await runtime.directory.reread(busy.id)
    async with client(app, base_url=f"http://{busy.slug}.harka.localhost") as http:
        answers = await asyncio.gather(*(http.get("/") for _ in range(2 * burst)))
        refused = [answer for answer in answers if answer.status_code == 429]
        other = await http.get("/", headers={"host": f"{calm.slug}.harka.localhost"})
    assert len(refused) == burst
    assert {code(answer) for answer in refused} == {"RATE_LIMITED"}
    told = refused[0].json()["errors"][0]["extensions"]
    assert (told["resource"], told["limit"]) == ("REQUESTS_PER_SECOND", burst)
    assert told["resetsAt"]
    assert int(refused[0].headers["retry-after"]) >= 1
    assert other.status_code == 200


async def test_the_platforms_own_address_needs_a_key_but_shows_pages(runtime: Runtime) -> None:
    async with client(behind(TenantDoor(Echo(), runtime)), base_url="http://harka.localhost") as http:
        assert code(await http.get("/")) == "UNKNOWN_TENANT"
    async with client(behind(HostDoor(Echo(), runtime)), base_url="http://harka.localhost") as http:
        assert (await http.get("/")).status_code == 200


USER = Actor(ActorKind.USER, new_id())
PROGRAM = Actor(ActorKind.API_KEY, new_id(), "sync")


@pytest.mark.parametrize(
    ("actor", "priority", "rank"),
    [
        (USER, None, Rank.INTERACTIVE),
        (PROGRAM, None, Rank.PARTNER),
        (ANONYMOUS, None, Rank.PARTNER),
        (USER, b"u=7", Rank.BULK),
        (PROGRAM, b"i, u=7", Rank.BULK),
        (PROGRAM, b"u=7;x=1, i", Rank.BULK),
        # of a key that is named more than once the last value counts (RFC 8941), which may be none
        (PROGRAM, b"u=7, u=1", Rank.PARTNER),
        (USER, b"u=1, i, u=7", Rank.BULK),
        (USER, b"u=7,u", Rank.INTERACTIVE),
        # nobody can ask to be before others
        (PROGRAM, b"u=0", Rank.PARTNER),
        (USER, b"u=77", Rank.INTERACTIVE),
        (USER, b"xu=7", Rank.INTERACTIVE),
    ],
)
def test_people_come_before_programs_and_those_before_the_background(
    actor: Actor, priority: bytes | None, rank: Rank
) -> None:
    headers = [(b"host", b"a")] + ([] if priority is None else [(b"priority", priority)])
    assert rank_of(actor, headers) is rank


def test_headers_of_one_name_are_one_list() -> None:
    assert rank_of(USER, [(b"priority", b"u=7"), (b"priority", b"i")]) is Rank.BULK
    assert rank_of(USER, [(b"priority", b"u=7"), (b"priority", b"u=2")]) is Rank.INTERACTIVE


async def test_what_is_over_is_no_longer_under_way(runtime: Runtime, make_tenant: MakeTenant) -> None:
    """However it ends: answered, refused further in, or cancelled."""
    tenant = await make_tenant()
    address = f"http://{tenant.slug}.harka.localhost"
    inside = asyncio.Event()

    async def fails(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise NotFoundError

    async def stays(_scope: Scope, _receive: Receive, _send: Send) -> None:
        inside.set()
        await asyncio.Event().wait()

    for app in (Echo(), fails):
        async with client(behind(TenantDoor(app, runtime)), base_url=address) as http:
            await http.get("/")
    async with client(behind(TenantDoor(stays, runtime)), base_url=address) as http:
        task = asyncio.create_task(http.get("/"))
        await inside.wait()
        allowance = runtime.admission._allowances[tenant.id]
        assert allowance.in_use(RUNNING) == 1.0
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert allowance.in_use(RUNNING) == 0.0


@pytest.mark.parametrize("said", [b"u=%s7", b"u=%sx", b"u%sx", b"%sx", b"a,%sx"])
def test_blanks_in_a_priority_take_no_time(said: bytes) -> None:
    """A head of 64 KB would hold up the loop for a minute: this quarter of it took seconds."""
    began = time.process_time()
    assert rank_of(USER, [(b"priority", said % (b" " * 16_000))]) is Rank.INTERACTIVE
    assert time.process_time() - began < 1.0
