"""Nobody gets by a provider what they could not give."""

import asyncio
import functools
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

import saml_school
from entering import visiting
from harka import clock
from harka.auth.permissions import Role, permissions_of
from harka.auth.saml_metadata import certificates_of, ends_at
from harka.errors import ForbiddenError
from harka.ids import NodeKind, new_id
from harka.learning import session, sso, user
from harka.learning.session import Device
from harka.learning.user import UserDraft
from harka.repositories import session as sessions
from harka.repositories import sso as connections
from harka.repositories import sso_session
from harka.repositories.session import SessionKind
from harka.repositories.sso import SsoConnection
from harka.repositories.sso_session import Origin
from harka.storage.statement import Statement
from harka.tenancy.context import operator_context
from harka.tenancy.permission import Permission
from provider import CLIENT, SECRET, Provider
from saml_idp import KEY, metadata, needs_xmlsec1, new_key
from school import School, school
from sso_school import begin, come_back, connection, issuer, provider, working
from waiting import until

__all__ = ["connection", "issuer", "provider", "school"]

CREATE = """mutation ($input: CreateSsoConnectionInput!) { createSsoConnection(input: $input) {
  errors { code } ssoConnection { id } } }"""
UPDATE = """mutation ($input: UpdateSsoConnectionInput!) { updateSsoConnection(input: $input) {
  errors { code } ssoConnection { version state } } }"""
ROTATE = "mutation ($input: RotateSsoKeyInput!) { rotateSsoKey(input: $input) { errors { code field } } }"
CALLED = Statement(
    "test.called",
    """INSERT INTO {schema}.scim_user (tenant_id, user_id, external_id, email_type, attributes)
    VALUES ($1, $2::uuid, $3::text, 'work', jsonb_build_object())""",
)
WAITERS = Statement(
    "test.waiters",
    """SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype IN ('transactionid', 'tuple')
      AND $1::uuid IS NOT NULL AND to_regclass('{schema}.course') IS NOT NULL""",
)


def writer_of(role: Role) -> tuple[Permission, ...]:
    """Who writes the organization, and may do beside that what this role may."""
    return (Permission.ORGANIZATION_WRITE, *permissions_of(role))


async def change(
    school: School, connection: SsoConnection, caller: tuple[Permission, ...], **given: Any
) -> Any:
    id_ = school.id(NodeKind.SSO_CONNECTION, connection)
    asked = {"input": {"id": id_, "version": (await of(school, connection)).version, **given}}
    return await school.ask(UPDATE, asked, caller=caller)


async def of(school: School, connection: SsoConnection) -> SsoConnection:
    async with school.work() as work:
        (found,) = await connections.find_by_ids(work.session, [connection.id])
    return found


@pytest.mark.parametrize(
    ("given", "least"),
    [
        ({}, Role.LEARNER),
        ({"defaultRole": "MANAGER"}, Role.MANAGER),
        ({"defaultRole": "INSTRUCTOR"}, Role.INSTRUCTOR),
        ({"roleClaim": "roles"}, Role.MANAGER),
        ({"roleClaim": "x", "roleMappings": [{"value": "x", "role": "INSTRUCTOR"}]}, Role.INSTRUCTOR),
        ({"roleMappings": [{"value": "x", "role": "MANAGER"}]}, Role.MANAGER),
        # whoever is a manager would be none any more
        (
            {
                "roleClaim": "x",
                "rolesAtSignIn": "EVERY",
                "roleMappings": [{"value": "x", "role": "LEARNER"}],
            },
            Role.MANAGER,
        ),
    ],
    ids=["learner", "default", "instructor", "unmapped", "mapped", "unclaimed", "every"],
)
async def test_a_provider_gives_no_role_that_its_maker_could_not_give(
    school: School, provider: Provider, given: dict[str, Any], least: Role
) -> None:
    asked = {
        "input": {"name": "X", "issuer": provider.issuer, "clientId": CLIENT, "clientSecret": SECRET, **given}
    }
    less = {
        Role.LEARNER: (Permission.ORGANIZATION_WRITE,),
        Role.INSTRUCTOR: writer_of(Role.LEARNER),
        Role.MANAGER: writer_of(Role.INSTRUCTOR),
    }[least]
    async with school.work() as work:
        before = await connections.count(work.session)
    assert (await school.ask(CREATE, asked, caller=less)).code == "FORBIDDEN"
    async with school.work() as work:
        assert await connections.count(work.session) == before
    assert (await school.ask(CREATE, asked, caller=writer_of(least))).data["createSsoConnection"][
        "errors"
    ] == []


async def test_a_new_provider_does_not_speak_for_whom_the_directory_calls(
    school: School, provider: Provider
) -> None:
    """They come in without a password where it calls them as the directory (SCIM) does."""
    asked = {"input": {"name": "X", "issuer": provider.issuer, "clientId": CLIENT, "clientSecret": SECRET}}
    learner, instructor = writer_of(Role.LEARNER), writer_of(Role.INSTRUCTOR)
    async with school.work() as work:
        await work.session.execute(CALLED, school.instructor.id, "teacher")
    assert (await school.ask(CREATE, asked, caller=learner)).code == "FORBIDDEN"
    assert (await school.ask(CREATE, asked, caller=instructor)).data["createSsoConnection"]["errors"] == []
    async with school.work() as work:
        await work.session.execute(CALLED, school.owner.id, "boss")
    # nobody comes in as an owner so: it keeps nobody from anything
    another = {"input": {**asked["input"], "name": "Y", "clientId": "y"}}
    assert (await school.ask(CREATE, another, caller=instructor)).data["createSsoConnection"]["errors"] == []


@pytest.mark.parametrize(
    "given",
    [
        {"defaultRole": "MANAGER"},
        {"roleMappings": [{"value": "mine", "role": "MANAGER"}]},
        {"roleClaim": "groups"},
        {"rolesAtSignIn": "EVERY", "roleMappings": [{"value": "x", "role": "LEARNER"}]},
        # it names managers, and would be somebody else
        {"issuer": "https://evil.example"},
        {"clientId": "another"},
    ],
    ids=["default", "mapped", "claim", "every", "issuer", "client"],
)
async def test_nor_does_whoever_changes_it(
    school: School, connection: SsoConnection, given: dict[str, Any]
) -> None:
    before = await of(school, connection)
    refused = await change(school, connection, writer_of(Role.INSTRUCTOR), **given)
    assert refused.code == "FORBIDDEN"
    assert await of(school, connection) == before
    reply = await change(school, connection, writer_of(Role.MANAGER), **given)
    assert reply.data["updateSsoConnection"]["errors"] == []


async def test_what_gives_nothing_is_changed_by_whoever_writes_the_organization(
    school: School, connection: SsoConnection
) -> None:
    only = (Permission.ORGANIZATION_WRITE,)
    reply = await change(school, connection, only, name="Another name")
    assert reply.data["updateSsoConnection"]["errors"] == []
    assert (await of(school, connection)).name == "Another name"


async def link(school: School, connection: SsoConnection, subject: str, person: UUID) -> None:
    async with school.work() as work:
        await connections.link(work.session, connection.id, connection.issuer, subject, person)


async def row_of(school: School, made: dict[str, Any]) -> SsoConnection:
    id_ = school.runtime.node_ids.open_as(school.organization.id, NodeKind.SSO_CONNECTION, made["id"])
    async with school.work() as work:
        (found,) = await connections.find_by_ids(work.session, [id_])
    return found


@needs_xmlsec1
async def test_nobody_adds_a_key_of_their_own_to_come_in_as_who_may_do_more(school: School) -> None:
    connection = await row_of(school, await saml_school.made(school))
    await link(school, connection, "a learner", school.learner.id)
    mine = {"saml": {"certificates": KEY.certificate + new_key().certificate}}
    # nobody who may do more comes in by it
    reply = await change(school, connection, writer_of(Role.MANAGER), **mine)
    assert reply.data["updateSsoConnection"]["ssoConnection"]["state"] == "TESTED"
    await link(school, connection, "the owner", school.owner.id)
    before = await of(school, connection)
    for given in (
        {"certificates": KEY.certificate + new_key().certificate},
        {"ssoUrl": "https://evil.example/sso"},
        {"metadata": metadata(keys=(KEY, new_key()))},
    ):
        reply = await change(school, connection, writer_of(Role.ADMIN), saml=given)
        assert reply.code == "FORBIDDEN"
    assert await of(school, connection) == before
    # what is read anew by a test is no more the caller's to say
    everything = operator_context(school.organization)
    as_admin = msgspec.structs.replace(everything, permissions=permissions_of(Role.ADMIN))
    following = {"idp_certificates": KEY.certificate + new_key().certificate}
    async with working(school, as_admin) as work:
        assert await sso.tested(work, before)
    before = await of(school, connection)
    with pytest.raises(ForbiddenError):
        async with working(school, as_admin) as work:
            await sso.tested(work, before, following)
    assert await of(school, connection) == before
    reply = await change(school, connection, tuple(Permission), **mine)
    assert reply.data["updateSsoConnection"]["errors"] == []


@pytest.mark.parametrize(
    "given", [{"issuer": "https://evil.example"}, {"clientId": "another"}], ids=["issuer", "client"]
)
async def test_nor_has_them_let_in_by_another_provider(
    school: School, connection: SsoConnection, given: dict[str, Any]
) -> None:
    admin = await person_of(school, "admin")
    await link(school, connection, f"{connection.id}", admin)
    before = await of(school, connection)
    assert (await change(school, connection, writer_of(Role.MANAGER), **given)).code == "FORBIDDEN"
    assert await of(school, connection) == before
    reply = await change(school, connection, writer_of(Role.ADMIN), **given)
    assert reply.data["updateSsoConnection"]["errors"] == []


async def person_of(school: School, role: str) -> UUID:
    async with school.work() as work:
        made = await user.create(
            work, UserDraft(email=f"{new_id().hex}@example.com", name="Somebody", role=role)
        )
    return made.id


async def waits(school: School) -> bool:
    async with school.work() as work:
        return bool(await work.session.fetch_value(WAITERS))


async def test_who_is_just_coming_in_is_out_again_as_the_connection_goes(
    school: School, connection: SsoConnection
) -> None:
    person = await person_of(school, "learner")
    async with school.work() as work:
        begun = await session.begin(work, school.runtime.keyring.session, person, Device(SessionKind.BROWSER))
        origin = Origin(connection.id, connection.issuer, "somebody", None)
        await sso_session.insert(work.session, begun.session.id, origin)
        assert await sessions.find_live(work.session, begun.session.id) is not None

        async def going() -> None:
            async with school.work() as other:
                await sso.delete(other, connection.id)

        deleting = asyncio.create_task(going())
        await until(functools.partial(waits, school))
    await deleting
    async with school.work() as work:
        assert await sessions.find_live(work.session, begun.session.id) is None


async def test_a_sign_in_goes_on_as_long_as_the_same_word_counts(
    school: School, connection: SsoConnection, provider: Provider
) -> None:
    only = (Permission.ORGANIZATION_WRITE,)
    for number, (given, status) in enumerate(
        [({"name": "Another name"}, 303), ({"emailClaim": "upn"}, 401), ({"emailClaim": None}, 401)]
    ):
        async with visiting(school) as browser:
            address = await begin(browser, school, connection)
            email = f"{new_id().hex}@example.com"
            said = provider.authorize(address, f"in between {number}", email=email, email_verified=True)
            reply = await change(school, connection, only, **given)
            assert reply.data["updateSsoConnection"]["errors"] == []
            assert (await come_back(browser, school, connection, said)).status_code == status


@needs_xmlsec1
async def test_a_key_that_rolls_over_refuses_nobody_who_is_at_the_provider(school: School) -> None:
    made = await saml_school.made(school)
    id_ = made["id"]
    async with visiting(school) as browser:
        request = (await saml_school.asked(browser, made)).get("ID")
        said = saml_school.answer(browser, made, request, attributes={"mail": ["rolled@example.com"]})
        given = {"id": id_, "version": 2, "switchAt": (clock.now() + timedelta(days=1)).isoformat()}
        assert (await school.ask(ROTATE, {"input": given})).data["rotateSsoKey"]["errors"] == []
        assert (await saml_school.come(browser, made, said)).status_code == 303


@needs_xmlsec1
async def test_no_key_follows_one_that_has_ended_before(school: School) -> None:
    made = await saml_school.made(school)
    before = await row_of(school, made)
    assert before.own_certificate is not None
    ends = ends_at(certificates_of(before.own_certificate))
    given = {"id": made["id"], "version": 2, "switchAt": (ends + timedelta(seconds=1)).isoformat()}
    reply = await school.ask(ROTATE, {"input": given})
    assert (reply.code, reply.field) == ("VALIDATION_FAILED", "switchAt")
    assert await row_of(school, made) == before
    reply = await school.ask(ROTATE, {"input": {**given, "switchAt": ends.isoformat()}})
    assert reply.data["rotateSsoKey"]["errors"] == []
