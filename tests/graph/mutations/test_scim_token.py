import asyncio
from typing import Any

from branches import branch_of
from harka.ids import NodeKind, new_id
from harka.learning import user
from harka.learning.user import UserDraft
from harka.tenancy.permission import Permission
from school import School, school
from scim_school import Directory

__all__ = ["school"]

FIELDS = "id name prefix permissions state expiresAt revokedAt lastUsedAt version creator { id }"
CREATE = f"""mutation ($input: CreateScimTokenInput!) {{ createScimToken(input: $input) {{
  errors {{ code field }} token scimToken {{ {FIELDS} }} }} }}"""
REVOKE = f"""mutation ($input: RevokeScimTokenInput!) {{ revokeScimToken(input: $input) {{
  errors {{ code field }} scimToken {{ {FIELDS} }} }} }}"""
LISTED = f"{{ scimTokens(first: 50) {{ totalCount nodes {{ {FIELDS} }} }} }}"


async def make(school: School, caller: Any = None, **given: Any) -> dict[str, Any]:
    reply = await school.ask(CREATE, {"input": {"name": "IdP", **given}}, caller=caller or school.owner)
    await school.runtime.directory.refresh()
    made: dict[str, Any] = reply.data["createScimToken"]
    return made


async def test_a_token_is_made_shown_once_used_and_revoked(school: School) -> None:
    made = await make(school, expiresAt="2099-01-01T00:00:00Z")
    token, text = made["scimToken"], made["token"]
    assert (token["state"], token["version"], token["lastUsedAt"]) == ("LIVE", 1, None)
    assert token["creator"] == {"id": school.id(NodeKind.USER, school.owner)}
    assert text.startswith(f"hs_{token['prefix']}_")
    assert token["permissions"] == sorted(Permission)

    idp = Directory(school, text)
    assert (await idp.get("/Users", count=1))["totalResults"] == len(school.people)
    await school.runtime.scim_usage.flush()
    listed = (await school.ask(LISTED)).data["scimTokens"]
    assert listed["totalCount"] == 1
    (only,) = listed["nodes"]
    assert only["lastUsedAt"] is not None
    assert text not in (await school.ask(LISTED)).body.__repr__()

    given = {"id": token["id"], "version": 7}
    assert (await school.ask(REVOKE, {"input": given}, caller=school.owner)).code == "CONFLICT"
    for _ in range(2):
        reply = await school.ask(REVOKE, {"input": {"id": token["id"]}}, caller=school.owner)
        assert reply.data["revokeScimToken"]["scimToken"]["state"] == "REVOKED"
    async with asyncio.timeout(5):
        await school.runtime.directory.until(lambda seen: token["prefix"] not in seen.scim_tokens)
    assert (await idp.send("GET", "/Users")).status_code == 401


async def test_it_opens_scim_alone(school: School) -> None:
    text = (await make(school))["token"]
    for headers in ({"authorization": f"Bearer {text}"}, {"x-api-key": text}):
        reply = await school.send(json={"query": "{ organization { id } }"}, headers=headers)
        assert reply.status_code == 401
    idp = Directory(school, text)
    key = await school.headers([Permission.USER_READ])
    assert await idp.refused("GET", "/Users", headers=key) == (401, None)
    person = await school.headers(school.owner)
    assert await idp.refused("GET", "/Users", headers=person) == (401, None)


async def test_nobody_gives_one_more_than_they_may_do(school: School) -> None:
    async with school.work() as work:
        draft = UserDraft(email="admin@example.com", name="Admin", role="admin")
        admin = await user.create(work, draft)
    made = await make(school, admin)
    assert Permission.ORGANIZATION_OWN not in made["scimToken"]["permissions"]
    idp = Directory(school, made["token"])
    owner = school.id(NodeKind.USER, school.owner)
    assert await idp.refused("DELETE", f"/Users/{owner}") == (403, None)


async def test_what_is_wrong_with_it_is_told_by_its_field(school: School) -> None:
    for given, field in (
        ({"name": " "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, "expiresAt"),
    ):
        assert (await make(school, **given))["errors"] == [{"code": "VALIDATION_FAILED", "field": field}]
    missing = {"id": school.id(NodeKind.SCIM_TOKEN, new_id())}
    assert (await school.ask(REVOKE, {"input": missing}, caller=school.owner)).code == "NOT_FOUND"


async def test_ten_may_be_used_at_once(school: School) -> None:
    for _ in range(10):
        made = await make(school)
    assert (await make(school))["errors"][0]["code"] == "PLAN_LIMIT_REACHED"
    await school.ask(REVOKE, {"input": {"id": made["scimToken"]["id"]}}, caller=school.owner)
    assert (await make(school))["errors"] == []


async def test_a_manager_of_some_groups_has_none(school: School) -> None:
    branch = await branch_of(school, role="admin")
    reply = await school.ask(CREATE, {"input": {"name": "X"}}, caller=branch.manager)
    assert reply.code == "FORBIDDEN"
