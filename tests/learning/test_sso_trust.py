"""Nobody gets by a provider what they could not give."""

from typing import Any

import pytest

from harka.auth.permissions import Role, permissions_of
from harka.ids import NodeKind
from harka.repositories import sso as connections
from harka.repositories.sso import SsoConnection
from harka.tenancy.permission import Permission
from provider import CLIENT, SECRET, Provider
from school import School, school
from sso_school import connection, issuer, provider

__all__ = ["connection", "issuer", "provider", "school"]

CREATE = """mutation ($input: CreateSsoConnectionInput!) { createSsoConnection(input: $input) {
  errors { code } ssoConnection { id } } }"""
UPDATE = """mutation ($input: UpdateSsoConnectionInput!) { updateSsoConnection(input: $input) {
  errors { code } ssoConnection { version state } } }"""


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
