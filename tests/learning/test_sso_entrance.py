"""Who comes in by a provider is whom it means: linked by their own password, or by their own directory."""

import msgspec
import pytest

from entering import PASSWORD, give_password, visiting
from harka import clock
from harka.auth import totp
from harka.ids import NodeKind
from harka.learning import password_request, sso
from harka.repositories import password as passwords
from harka.repositories import session as sessions
from harka.repositories import sso as connections
from harka.repositories.scope import Scope
from harka.repositories.sso import SsoConnection, SsoState
from harka.repositories.user import User
from harka.storage.statement import Statement
from provider import Provider
from school import School, school
from scim_school import Directory, described, directory
from sso_school import (
    TEST,
    attempt,
    begin,
    come_back,
    connection,
    give_second_factor,
    issuer,
    provider,
    working,
)

__all__ = ["connection", "directory", "issuer", "provider", "school"]

CALLED = Statement(
    "test.called",
    """INSERT INTO {schema}.scim_user (tenant_id, user_id, external_id, email_type, attributes)
    VALUES ($1, $2::uuid, $3::text, 'work', '{{}}'::jsonb)""".replace("{{}}", "{}"),
)
WHO = {"query": "{ viewer { user { email } } }"}


@pytest.fixture
async def enforced(school: School, connection: SsoConnection) -> SsoConnection:
    async with school.work() as work:
        proven = msgspec.structs.replace(
            connection, state=SsoState.ENFORCED, proven_at=connection.tested_at or clock.now()
        )
        (found,) = await connections.find_by_ids(work.session, [connection.id])
        changed = await connections.update(
            work.session, msgspec.structs.replace(proven, version=found.version)
        )
        assert changed is not None
    return changed


async def sessions_of(school: School, person: User) -> int:
    async with school.work() as work:
        return await sessions.count(work.session, Scope(everything=True), person.id)


async def test_nobody_elses_password_links_an_identity(
    school: School, enforced: SsoConnection, provider: Provider
) -> None:
    """Where a connection is enforced, it would let them in by a password that is no use to them anywhere."""
    for person in (school.learner, school.instructor):
        await give_password(school, person)
    async with visiting(school) as browser:
        address = await begin(browser, school, enforced)
        said = provider.authorize(address, "mallory", email=school.learner.email, email_verified=True)
        assert (await come_back(browser, school, enforced, said)).status_code == 200
        fields = {**await browser.form("/auth/sign-in"), "password": PASSWORD}
        begun = await sessions_of(school, school.instructor)
        # the address is the provider's word, whatever is sent
        linked = await browser.post("/auth/sso/link", {**fields, "email": school.instructor.email})
        assert linked.status_code == 303
        who = (await browser.ask(WHO)).json()["data"]["viewer"]["user"]
    assert who == {"email": school.learner.email}
    assert await sessions_of(school, school.instructor) == begun


async def test_a_link_that_is_refused_leaves_no_session(
    school: School, connection: SsoConnection, provider: Provider
) -> None:
    await give_password(school, school.learner)
    async with visiting(school) as browser:
        address = await begin(browser, school, connection)
        said = provider.authorize(address, "twice", email=school.learner.email, email_verified=True)
        assert (await come_back(browser, school, connection, said)).status_code == 200
        fields = {**await browser.form("/auth/sign-in"), "password": PASSWORD}
        pending = dict(browser.cookies)
        assert (await browser.post("/auth/sso/link", fields)).status_code == 303
        begun = await sessions_of(school, school.learner)
        browser.cookies = pending
        assert (await browser.post("/auth/sso/link", fields)).status_code == 409
    assert await sessions_of(school, school.learner) == begun


@pytest.mark.parametrize("called", ["external id", "name"])
async def test_whom_the_directory_calls_so_is_let_in(
    school: School, enforced: SsoConnection, provider: Provider, directory: Directory, called: str
) -> None:
    """They never had a password, and need none."""
    subject = f"{called.replace(' ', '-')}-{enforced.id.hex}"
    email = f"{subject}@corp.example"
    names = (
        {"externalId": subject}
        if called == "external id"
        else {"userName": subject.upper(), "emails": [{"value": email, "primary": True}]}
    )
    await directory.post("/Users", described(email, **names))
    async with visiting(school) as browser:
        address = await begin(browser, school, enforced)
        said = provider.authorize(address, subject, email=email, email_verified=True)
        assert (await come_back(browser, school, enforced, said)).status_code == 303
        assert (await browser.ask(WHO)).json()["data"]["viewer"]["user"] == {"email": email}


async def test_the_directory_does_not_speak_for_others(
    school: School, connection: SsoConnection, provider: Provider, directory: Directory
) -> None:
    """Not by another subject, for another address, nor for who is more than it may make of anybody."""
    mine = f"mine-{connection.id.hex}"
    await directory.post("/Users", described(f"{mine}@corp.example", externalId=mine))
    async with school.work() as work:
        await work.session.execute(CALLED, school.owner.id, f"owner-{mine}")
    for subject, email in (
        (f"not-{mine}", f"{mine}@corp.example"),
        (mine, school.learner.email),
        (f"owner-{mine}", school.owner.email),
    ):
        async with visiting(school) as browser:
            address = await begin(browser, school, connection)
            said = provider.authorize(address, subject, email=email, email_verified=True)
            assert (await come_back(browser, school, connection, said)).status_code == 200
            assert "harka" not in browser.cookies
        assert (await attempt(school))["outcome"] == "ADDRESS_TAKEN"


async def test_after_a_connection_is_disabled_its_people_may_have_a_password(
    school: School, connection: SsoConnection, provider: Provider
) -> None:
    email = f"jit-{connection.id.hex}@example.com"
    async with visiting(school) as browser:
        address = await begin(browser, school, connection)
        said = provider.authorize(address, connection.id.hex, email=email, email_verified=True)
        assert (await come_back(browser, school, connection, said)).status_code == 303
    may = []
    for state in (SsoState.TESTED, SsoState.DISABLED):
        async with working(school) as work:
            if state is SsoState.DISABLED:
                await sso.disable(work, connection.id)
            known = await passwords.find_by_email(work.session, email)
            assert known is not None
            may.append(await password_request._may_have_one(work, known))
    assert may == [False, True]


async def test_who_guesses_elsewhere_does_not_keep_the_owner_out(school: School) -> None:
    await give_password(school, school.owner)
    secret = await give_second_factor(school, school.owner)
    for place in ("198.51.100.1", "198.51.100.2"):
        async with visiting(school, address=place) as stranger:
            tried = [(await stranger.sign_in(school.owner.email, "wrong")).status_code for _ in range(11)]
        assert tried == [401] * 10 + [429]
    async with visiting(school, address="203.0.113.200") as browser:
        code = totp.code_at(secret, int(clock.now().timestamp()) // totp.STEP_SECONDS)
        assert (await browser.sign_in(school.owner.email, code=code)).status_code == 303


async def test_callbacks_have_a_rate(school: School, connection: SsoConnection, provider: Provider) -> None:
    provider.asked.clear()
    async with visiting(school, address="198.51.100.77") as browser:
        codes = []
        for _ in range(55):
            said = provider.authorize(await begin(browser, school, connection), "t")
            answer = await come_back(browser, school, connection, {**said, "code": "garbage"})
            codes.append(answer.status_code)
    assert (codes[0], codes[-1]) == (401, 429)
    assert provider.asked.count("/token") < 55


async def test_the_test_finds_an_endpoint_that_cannot_be_asked(
    school: School, connection: SsoConnection, provider: Provider
) -> None:
    provider.configuration["token_endpoint"] = "ftp://x.example/token"
    school.runtime.entrance.providers._known.clear()
    reply = await school.ask(TEST, {"id": school.id(NodeKind.SSO_CONNECTION, connection)})
    assert reply.code == "VALIDATION_FAILED"
    school.runtime.entrance.providers._known.clear()
