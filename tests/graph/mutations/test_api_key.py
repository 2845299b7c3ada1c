import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
import pytest

from branches import branch_of
from harka import clock
from harka.errors import NotFoundError
from harka.ids import NodeKind, new_id
from harka.learning import user
from harka.learning.user import UserDraft
from harka.learning.work import UnitOfWork
from harka.repositories import user as users
from harka.repositories.user import User
from harka.tenancy.permission import Permission
from school import Reply, School
from scim_school import directory_of

FIELDS = "id name prefix scopes networks requestsPerSecond state expiresAt version user { id } creator { id }"
CREATE = f"""mutation ($input: CreateApiKeyInput!) {{ createApiKey(input: $input) {{
  errors {{ code field }} key apiKey {{ {FIELDS} }} }} }}"""
ROTATE = f"""mutation ($input: RotateApiKeyInput!) {{ rotateApiKey(input: $input) {{
  errors {{ code field }} key apiKey {{ {FIELDS} }} replacedApiKey {{ {FIELDS} }} }} }}"""
REVOKE = f"""mutation ($input: RevokeApiKeyInput!) {{ revokeApiKey(input: $input) {{
  errors {{ code field }} apiKey {{ {FIELDS} }} }} }}"""
DEACTIVATE = "mutation ($id: ID!) { deactivateUser(input: {id: $id}) { errors { code } } }"
LISTED = "{ apiKeys(first: 50) { totalCount nodes { id state } } }"
WHO = {"query": "{ courses(first: 1) { totalCount } viewer { kind } }"}
DAY = 86_400


async def make(school: School, caller: Any = None, **given: Any) -> dict[str, Any]:
    draft = {"name": "ci", "scopes": ["course:read"], **given}
    reply = await school.ask(CREATE, {"input": draft}, caller=caller or school.owner)
    await school.runtime.directory.reread(school.organization.id)
    made: dict[str, Any] = reply.data["createApiKey"]
    assert made["errors"] == []
    return made


async def status(school: School, key: str) -> int:
    return (await school.send(json=WHO, headers={"x-api-key": key})).status_code


async def test_a_key_is_made_used_rotated_and_revoked(school: School) -> None:
    made = await make(school, expiresAt="2099-01-01T00:00:00Z", requestsPerSecond=50)
    key = made["apiKey"]
    assert (key["scopes"], key["state"], key["user"], key["version"]) == (["course:read"], "LIVE", None, 1)
    assert key["creator"] == {"id": school.id(NodeKind.USER, school.owner)}
    assert made["key"].startswith(f"hk_{key['prefix']}_")
    assert await status(school, made["key"]) == 200

    given = {"id": key["id"], "version": 1, "overlapSeconds": DAY}
    rotated = (await school.ask(ROTATE, {"input": given}, caller=school.owner)).data["rotateApiKey"]
    await school.runtime.directory.reread(school.organization.id)
    fresh, old = rotated["apiKey"], rotated["replacedApiKey"]
    same = ("name", "scopes", "networks", "requestsPerSecond")
    assert [fresh[each] for each in same] == [key[each] for each in same]
    assert (old["id"], old["state"], old["version"], fresh["version"]) == (key["id"], "LIVE", 2, 1)
    assert old["expiresAt"] < fresh["expiresAt"]
    assert [await status(school, text) for text in (made["key"], rotated["key"])] == [200, 200]
    stale = await school.ask(ROTATE, {"input": given}, caller=school.owner)
    assert stale.code == "CONFLICT"

    for _ in range(2):
        reply = await school.ask(REVOKE, {"input": {"id": fresh["id"]}}, caller=school.owner)
        assert reply.data["revokeApiKey"]["apiKey"]["state"] == "REVOKED"
    async with asyncio.timeout(5):
        await school.runtime.directory.until(lambda seen: fresh["prefix"] not in seen.api_keys)
    assert [await status(school, text) for text in (made["key"], rotated["key"])] == [200, 401]
    listed = (await school.ask(LISTED)).data["apiKeys"]
    assert {(each["id"], each["state"]) for each in listed["nodes"]} >= {
        (key["id"], "LIVE"),
        (fresh["id"], "REVOKED"),
    }


async def test_without_an_overlap_the_other_is_dead_at_once(school: School) -> None:
    made = await make(school)
    given = {"id": made["apiKey"]["id"], "overlapSeconds": 0}
    rotated = (await school.ask(ROTATE, {"input": given}, caller=school.owner)).data["rotateApiKey"]
    assert rotated["replacedApiKey"]["state"] == "EXPIRED"
    await school.runtime.directory.reread(school.organization.id)
    assert [await status(school, text) for text in (made["key"], rotated["key"])] == [401, 200]
    assert (await school.ask(ROTATE, {"input": given}, caller=school.owner)).code == "CONFLICT"


async def test_nobody_gives_a_key_more_than_they_have(school: School) -> None:
    async with school.work() as work:
        admin = await user.create(work, UserDraft(email="keys@admin.example", name="X", role="admin"))
    own = await make(school, scopes=[str(each) for each in Permission])
    callers: Sequence[Any] = (admin, (Permission.ORGANIZATION_WRITE,))
    for caller in callers:
        await school.headers(caller)
    before = await seen(school)
    for caller in callers:
        wanted = {"name": "x", "scopes": ["organization:own", "organization:write"]}
        assert (await school.ask(CREATE, {"input": wanted}, caller=caller)).code == "FORBIDDEN"
        # whoever has the new text has all that the key may do
        taken = await school.ask(ROTATE, {"input": {"id": own["apiKey"]["id"]}}, caller=caller)
        assert taken.code == "FORBIDDEN"
    assert await seen(school) == before
    assert (await make(school, admin, scopes=["user:write"]))["apiKey"]["scopes"] == ["user:write"]


async def test_a_manager_of_some_groups_gets_no_key_to_everybody(school: School) -> None:
    branch = await branch_of(school, role="admin")
    wanted = {"input": {"name": "x", "scopes": ["course:read"]}}
    assert (await school.ask(CREATE, wanted, caller=branch.manager)).code == "FORBIDDEN"
    assert (await school.ask(LISTED, caller=branch.manager)).code == "FORBIDDEN"


async def test_a_key_that_acts_as_somebody_is_theirs_and_ends_with_them(school: School) -> None:
    async with school.work() as work:
        admin = await user.create(work, UserDraft(email="acting@admin.example", name="X", role="admin"))
    made = await make(school, admin, actsAsMaker=True)
    assert made["apiKey"]["user"] == {"id": school.id(NodeKind.USER, admin)}
    assert await status(school, made["key"]) == 200
    given = {"id": made["apiKey"]["id"]}
    assert (await school.ask(ROTATE, {"input": given}, caller=school.owner)).code == "FORBIDDEN"
    async with school.work() as work:
        await user.deactivate(work, admin.id)
    assert await status(school, made["key"]) == 401
    nobody = {"name": "x", "scopes": ["course:read"], "actsAsMaker": True}
    reply = await school.ask(CREATE, {"input": nobody})
    assert (reply.code, reply.field) == ("VALIDATION_FAILED", "actsAsMaker")


async def states(school: School) -> dict[str, str]:
    await school.runtime.directory.reread(school.organization.id)
    return {each["id"]: each["state"] for each in (await school.ask(LISTED)).data["apiKeys"]["nodes"]}


async def keys_of_an_admin(school: School) -> tuple[User, Any, Any]:
    """A key that acts as them, and one that they made for the organization."""
    async with school.work() as work:
        draft = UserDraft(email=f"{new_id().hex}@admin.example", name="X", role="admin")
        admin = await user.create(work, draft)
    return admin, await make(school, admin, actsAsMaker=True), await make(school, admin, name="build")


async def test_a_key_does_not_come_back_with_the_person_it_acts_as(school: School) -> None:
    admin, theirs, ours = await keys_of_an_admin(school)
    who = {"id": school.id(NodeKind.USER, admin)}
    told = await school.ask(
        "mutation ($id: ID!) { deactivateUser(input: {id: $id}) { errors { code } } }", who
    )
    assert told.data["deactivateUser"]["errors"] == []
    seen = await states(school)
    assert (seen[theirs["apiKey"]["id"]], seen[ours["apiKey"]["id"]]) == ("REVOKED", "LIVE")
    async with school.work() as work:
        await user.reactivate(work, admin.id)
    await school.runtime.directory.reread(school.organization.id)
    assert [await status(school, each["key"]) for each in (theirs, ours)] == [401, 200]
    fresh = await make(school, admin, actsAsMaker=True)
    assert await status(school, fresh["key"]) == 200


async def test_who_stays_keeps_their_keys(school: School) -> None:
    """A deactivation that is undone, with all that was asked for beside it."""
    admin, theirs, _ = await keys_of_an_admin(school)
    async with school.work() as work:
        await user.deactivate(work, admin.id)
        await work.rollback()
    async with school.work() as work:
        with pytest.raises(NotFoundError):
            async with work.savepoint():
                await _deactivated(work, admin.id, new_id())
    assert (await states(school))[theirs["apiKey"]["id"]] == "LIVE"
    assert await status(school, theirs["key"]) == 200


async def _deactivated(work: UnitOfWork, *people: UUID) -> None:
    for each in people:
        await user.deactivate(work, each)


async def test_a_key_that_nobody_was_left_to_revoke_is_revoked_when_its_person_comes_back(
    school: School,
) -> None:
    admin, theirs, _ = await keys_of_an_admin(school)
    async with school.work() as work:
        # as if the process had ended between the commit and what follows it
        await users.update(work.session, msgspec.structs.replace(admin, status="inactive"))
    assert (await states(school))[theirs["apiKey"]["id"]] == "LIVE"
    async with school.work() as work:
        await user.reactivate(work, admin.id)
    assert (await states(school))[theirs["apiKey"]["id"]] == "REVOKED"
    assert await status(school, theirs["key"]) == 401


@pytest.mark.parametrize("way", ["active", "DELETE"])
async def test_whom_the_directory_takes_away_loses_their_keys(school: School, way: str) -> None:
    directory = await directory_of(school)
    admin, theirs, _ = await keys_of_an_admin(school)
    address = f"/Users/{school.id(NodeKind.USER, admin)}"
    if way == "DELETE":
        assert (await directory.send("DELETE", address)).status_code == 204
    else:
        await directory.patch(address, {"op": "replace", "value": {"active": False}})
    assert (await states(school))[theirs["apiKey"]["id"]] == "REVOKED"
    if way == "active":
        await directory.patch(address, {"op": "replace", "value": {"active": True}})
        await school.runtime.directory.reread(school.organization.id)
    assert await status(school, theirs["key"]) == 401


async def test_a_key_is_accepted_from_its_networks_and_as_often_as_it_may(school: School) -> None:
    here = await make(school, networks=["127.0.0.7/8"], requestsPerSecond=2)
    elsewhere = await make(school, networks=["192.0.2.0/24", "2001:db8::/32"])
    assert here["apiKey"]["networks"] == ["127.0.0.0/8"]
    assert await status(school, elsewhere["key"]) == 401
    began = clock.monotonic()
    answers = [await status(school, here["key"]) for _ in range(8)]
    assert answers[:2] == [200, 200]
    assert answers.count(200) <= 2 + 2 * (clock.monotonic() - began) + 1
    assert {*answers} <= {200, 429}


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("name", {"name": ""}),
        ("name", {"name": "x" * 101}),
        ("name", {"name": "a\0b"}),
        ("name", {"name": "\u202eright to left"}),
        ("scopes", {"scopes": []}),
        ("scopes", {"scopes": ["course:read", "course:fly"]}),
        ("networks", {"networks": ["example.com"]}),
        ("networks", {"networks": ["10.0.0.0/8\0"]}),
        ("networks", {"networks": ["10.0.0.0/8"] * 21}),
        ("requestsPerSecond", {"requestsPerSecond": 0}),
        ("requestsPerSecond", {"requestsPerSecond": 2**31 - 1}),
        ("expiresAt", {"expiresAt": "2020-01-01T00:00:00Z"}),
        ("expiresAt", {"expiresAt": "9999-01-01T00:00:00Z"}),
    ],
)
async def test_what_no_key_can_be_made_of_is_refused(
    school: School, field: str, wrong: dict[str, Any]
) -> None:
    before = await seen(school)
    reply = await school.ask(CREATE, {"input": {"name": "x", "scopes": ["course:read"], **wrong}})
    assert (reply.code, reply.field) == ("VALIDATION_FAILED", field)
    assert await seen(school) == before


async def test_what_is_not_there_and_another_version(school: School) -> None:
    made = await make(school)
    absent = school.id(NodeKind.API_KEY, new_id())
    for document in (ROTATE, REVOKE):
        for id_, code in (("x", "INVALID_ID"), (absent, "NOT_FOUND")):
            assert (await school.ask(document, {"input": {"id": id_}})).code == code
        stale = {"input": {"id": made["apiKey"]["id"], "version": 7}}
        assert (await school.ask(document, stale)).code == "CONFLICT"
    for seconds in (-1, 31 * DAY):
        reply: Reply = await school.ask(
            ROTATE, {"input": {"id": made["apiKey"]["id"], "overlapSeconds": seconds}}
        )
        assert (reply.code, reply.field) == ("VALIDATION_FAILED", "overlapSeconds")
    assert await status(school, made["key"]) == 200


async def seen(school: School) -> int:
    return int((await school.ask(LISTED)).data["apiKeys"]["totalCount"])
