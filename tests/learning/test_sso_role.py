"""Whose role follows what a provider says at every sign-in, and whose does not."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from entering import PASSWORD, Visitor, give_password, visiting
from harka.auth.permissions import Role
from harka.ids import NodeKind
from harka.learning import role as roles
from harka.learning import sso_role, user
from harka.learning.sso_draft import role_of
from harka.learning.user import UserChanges, UserDraft
from harka.repositories import sso as connections
from harka.repositories import user as users
from harka.repositories.sso import SsoConnection
from harka.repositories.user import User
from provider import Provider
from school import School, school
from sso_school import attempt, begin, come_back, connection, issuer, provider

__all__ = ["connection", "issuer", "provider", "school"]

UPDATE = """mutation ($input: UpdateSsoConnectionInput!) { updateSsoConnection(input: $input) {
  errors { code field } ssoConnection { version rolesAtSignIn roleClaim } } }"""
WHO = {"query": "{ viewer { permissions user { role version } } }"}
EVENTS = "{ events(first: 100, filter: {types: [USER_UPDATED]}) { nodes { fields } } }"


async def change(school: School, connection: SsoConnection, version: int, **given: Any) -> Any:
    id_ = school.id(NodeKind.SSO_CONNECTION, connection)
    return await school.ask(UPDATE, {"input": {"id": id_, "version": version, **given}})


@pytest.fixture
async def following(school: School, connection: SsoConnection) -> SsoConnection:
    """One whose roles count at every sign-in."""
    reply = await change(school, connection, connection.version, rolesAtSignIn="EVERY")
    assert reply.data["updateSsoConnection"]["ssoConnection"]["rolesAtSignIn"] == "EVERY"
    async with school.work() as work:
        (found,) = await connections.find_by_ids(work.session, [connection.id])
    return found


async def enter(
    browser: Visitor, school: School, connection: SsoConnection, provider: Provider, *named: str
) -> Any:
    """Who somebody is who comes in with these roles."""
    email = f"{connection.id.hex}@example.com"
    said = provider.authorize(
        await begin(browser, school, connection),
        connection.id.hex,
        email=email,
        email_verified=True,
        **({"roles": [*named]} if named else {}),
    )
    assert (await come_back(browser, school, connection, said)).status_code == 303
    return (await browser.ask(WHO)).json()["data"]["viewer"]


@pytest.fixture
def user_info(school: School, provider: Provider) -> Iterator[None]:
    """What a token does not tell stands there."""
    known = school.runtime.entrance.providers._known
    known.clear()
    provider.configuration["userinfo_endpoint"] = f"{provider.issuer}/me"
    yield
    known.clear()


async def linked(school: School, connection: SsoConnection, person: User) -> None:
    async with school.work() as work:
        await connections.link(work.session, connection.id, connection.issuer, connection.id.hex, person.id)


async def role_now(school: School, person: User) -> tuple[str, int]:
    async with school.work() as work:
        (found,) = await users.find_by_ids(work.session, [person.id])
    return found.role, found.version


async def test_a_role_follows_the_provider_up_and_down(
    school: School, following: SsoConnection, provider: Provider
) -> None:
    async with visiting(school) as browser, visiting(school) as elsewhere:
        first = await enter(elsewhere, school, following, provider, "instructor")
        assert first["user"]["role"] == "INSTRUCTOR"
        raised = await enter(browser, school, following, provider, "manager", "learner")
        assert raised["user"] == {"role": "MANAGER", "version": first["user"]["version"] + 1}
        assert (await attempt(school))["detail"] == "Their role was instructor, and is manager."
        # what began before may do as much, and no more, with its next request
        assert (await elsewhere.ask(WHO)).json()["data"]["viewer"] == raised
        told = (await school.ask(EVENTS)).data["events"]["nodes"]
        assert told[-1]["fields"] == ["role"]
        # the same once more changes nothing
        assert await enter(browser, school, following, provider, "manager") == raised
        assert (await attempt(school))["detail"] == ""
        # who is named no more is what everybody is
        lowered = await enter(browser, school, following, provider, "a club")
        assert lowered["user"]["role"] == "LEARNER"
        assert set(lowered["permissions"]) < set(raised["permissions"])
        assert (await elsewhere.ask(WHO)).json()["data"]["viewer"] == lowered


NO_ANSWERS = {
    "none": (503, {"error": "x"}),
    "too many": (429, {"error": "x"}),
    "unauthorized": (401, {"error": "x"}),
    "signed": (200, b"eyJhbGciOiJub25lIn0.e30."),
    "of somebody else": (200, {"sub": "x", "roles": []}),
}


@pytest.mark.usefixtures("user_info")
@pytest.mark.parametrize("no", sorted(NO_ANSWERS))
async def test_no_answer_takes_nobodys_role(
    school: School, following: SsoConnection, provider: Provider, monkeypatch: pytest.MonkeyPatch, no: str
) -> None:
    subject, answer = following.id.hex, provider.answer
    told: list[tuple[int, Any]] = []
    monkeypatch.setattr(
        provider, "answer", lambda path, *rest: told[0] if path == "/me" else answer(path, *rest)
    )
    roles = []
    async with visiting(school) as browser:
        for each in ((200, {"sub": subject, "roles": ["Manager"]}), NO_ANSWERS[no], (200, {"sub": subject})):
            told[:] = [each]
            roles.append((await enter(browser, school, following, provider))["user"]["role"])
            if each == NO_ANSWERS[no]:
                assert (await attempt(school))["detail"].startswith("Their role stays: ")
    # who is named no more is what everybody is
    assert roles == ["MANAGER", "MANAGER", "LEARNER"]


@pytest.mark.usefixtures("user_info")
async def test_who_is_new_comes_in_by_what_their_token_tells(
    school: School, connection: SsoConnection, provider: Provider
) -> None:
    """Whether UserInfo is away or not; admins see why they became what everybody does."""
    async with visiting(school) as browser:
        # nobody listens there
        provider.configuration["userinfo_endpoint"] = "http://127.0.0.1:1/me"
        assert (await enter(browser, school, connection, provider))["user"]["role"] == "LEARNER"
        seen = await attempt(school)
        assert (seen["outcome"], seen["detail"].partition(":")[0]) == (
            "SIGNED_IN",
            "Their role is the default one",
        )
        # roles count once, so nobody is asked for what is known already
        school.runtime.entrance.providers._known.clear()
        provider.configuration["userinfo_endpoint"] = f"{provider.issuer}/me"
        await enter(browser, school, connection, provider)
    assert (await attempt(school))["detail"] == ""
    assert "/me" not in provider.asked


async def test_more_groups_than_a_token_holds_are_not_none(
    school: School, following: SsoConnection, provider: Provider
) -> None:
    email = f"{following.id.hex}@example.com"
    async with visiting(school) as browser:
        assert (await enter(browser, school, following, provider, "manager"))["user"]["role"] == "MANAGER"
        said = provider.authorize(
            await begin(browser, school, following),
            following.id.hex,
            email=email,
            email_verified=True,
            _claim_names={"roles": "src1"},
            _claim_sources={"src1": {"endpoint": "https://graph.example/me"}},
        )
        assert (await come_back(browser, school, following, said)).status_code == 303
        assert (await browser.ask(WHO)).json()["data"]["viewer"]["user"]["role"] == "MANAGER"
    assert "more groups or roles" in (await attempt(school))["detail"]


async def test_a_role_that_counts_once_is_changed_here_alone(
    school: School, connection: SsoConnection, provider: Provider
) -> None:
    async with visiting(school) as browser:
        for named in (["instructor"], ["manager"], []):
            who = await enter(browser, school, connection, provider, *named)
            assert who["user"]["role"] == "INSTRUCTOR"


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN, Role.CUSTOM])
async def test_who_was_made_more_here_stays_that(
    school: School, following: SsoConnection, provider: Provider, role: Role
) -> None:
    """The last owner, too, whatever a group says."""
    person = school.owner
    if role != Role.OWNER:
        person = school.other
        changes = UserChanges(role=role)
        async with school.work() as work:
            if role == Role.CUSTOM:
                own = await roles.create(work, name="Registrar", permissions=["course:read"])
                changes = UserChanges(role_id=own.id)
            person = await user.update(work, person.id, changes, version=person.version)
    await linked(school, following, person)
    before = await role_now(school, person)
    async with visiting(school) as browser:
        who = await enter(browser, school, following, provider, "learner")
    assert who["user"]["role"] == role.name
    assert await role_now(school, person) == before
    assert (await attempt(school))["outcome"] == "SIGNED_IN"


async def test_whom_their_password_links_becomes_what_the_provider_says(
    school: School, following: SsoConnection, provider: Provider
) -> None:
    await give_password(school, school.learner)
    many = [f"group {number}" for number in range(200)]
    async with visiting(school) as browser:
        said = provider.authorize(
            await begin(browser, school, following),
            "linked",
            email=school.learner.email,
            email_verified=True,
            roles=[*many, "instructor"],
        )
        assert (await come_back(browser, school, following, said)).status_code == 200
        assert sum(map(len, browser.cookies.values())) < 4000
        fields = {**await browser.form("/auth/sign-in"), "email": school.learner.email}
        assert (await browser.post("/auth/sso/link", {**fields, "password": "wrong"})).status_code == 401
        assert (await role_now(school, school.learner))[0] == "learner"
        assert (await browser.post("/auth/sso/link", {**fields, "password": PASSWORD})).status_code == 303
        assert (await browser.ask(WHO)).json()["data"]["viewer"]["user"]["role"] == "INSTRUCTOR"
    assert (await attempt(school))["outcome"] == "LINKED"


async def test_nobody_loses_their_role_where_nothing_names_one(
    school: School, following: SsoConnection
) -> None:
    refused = await change(school, following, following.version, roleClaim=None)
    assert (refused.code, refused.field) == ("VALIDATION_FAILED", "rolesAtSignIn")
    reply = await change(school, following, following.version, roleClaim=None, rolesAtSignIn="FIRST")
    done = reply.data["updateSsoConnection"]["ssoConnection"]
    assert (done["rolesAtSignIn"], done["roleClaim"]) == ("FIRST", None)
    refused = await change(school, following, done["version"], rolesAtSignIn="EVERY")
    assert (refused.code, refused.field) == ("VALIDATION_FAILED", "rolesAtSignIn")


def test_the_group_that_decides_is_kept(connection: SsoConnection) -> None:
    mapped = msgspec.structs.replace(connection, role_mapping=["manager:heads", "instructor:teachers"])
    for named in (["x", "teachers", "heads"], ["teachers", "x"], ["x" * 5000, "y"], []):
        kept = sso_role.deciding(mapped, named)
        assert kept in ([], ["heads"], ["teachers"])
        assert role_of(mapped, kept) == role_of(mapped, named)
    assert sso_role.deciding(mapped, None) is None


@pytest.mark.parametrize("told", ["a long name", "elsewhere"])
async def test_whoever_is_named_what_is_linked_by_their_password(
    school: School, following: SsoConnection, provider: Provider, told: str
) -> None:
    """A browser drops a cookie of more than 4,096 bytes."""
    more = {"_claim_names": {"roles": "src1"}} if told == "elsewhere" else {"roles": "x" * 20_000}
    async with school.work() as work:
        draft = UserDraft(email=f"linked-{told[0]}@example.com", name="Lin", role=Role.INSTRUCTOR)
        person = await user.create(work, draft)
    await give_password(school, person)
    async with visiting(school) as browser:
        said = provider.authorize(
            await begin(browser, school, following), "long", email=person.email, email_verified=True, **more
        )
        assert (await come_back(browser, school, following, said)).status_code == 200
        assert max(map(len, browser.cookies.values())) < 4000
        fields = {**await browser.form("/auth/sign-in"), "email": person.email}
        assert (await browser.post("/auth/sso/link", {**fields, "password": PASSWORD})).status_code == 303
    kept = (await role_now(school, person))[0]
    assert kept == (Role.INSTRUCTOR if told == "elsewhere" else Role.LEARNER)
