"""Who sees passkeys, and who takes them away; they are made on a page."""

from typing import Any

import pytest

from harka import clock
from harka.ids import NodeKind, new_id
from harka.repositories import passkey as passkeys
from harka.repositories.passkey import Passkey
from harka.repositories.user import User
from school import School, school

__all__ = ["school"]

LIST = """query ($user: ID, $after: String) { passkeys(first: 2, after: $after, userId: $user) {
  totalCount pageInfo { endCursor } nodes { id name host isSynced lastUsedAt version user { email } } } }"""
RENAME = """mutation ($id: ID!, $version: Int!, $name: String!) {
  updatePasskey(input: {id: $id, version: $version, name: $name}) {
    passkey { name version } errors { code field } } }"""
DELETE = """mutation ($id: ID!, $version: Int) { deletePasskey(input: {passkeyId: $id, version: $version}) {
  deletedPasskeyId errors { code field } } }"""


async def carried(school: School, person: User, name: str = "Phone", *, is_synced: bool = False) -> Passkey:
    now = clock.now()
    made = Passkey(new_id(), person.id, name, school.host, is_synced, None, now, now, 1)
    async with school.work() as work:
        await passkeys.insert(work.session, made, made.id.bytes, b"key", 0)
    return made


async def listed(school: School, caller: Any, **variables: Any) -> Any:
    return (await school.ask(LIST, variables, caller=caller)).data["passkeys"]


async def test_people_see_theirs_rename_and_remove_them(school: School) -> None:
    rows = [await carried(school, school.learner, name) for name in ("A", "B", "C")]
    page = await listed(school, school.learner)
    assert (page["totalCount"], [each["name"] for each in page["nodes"]]) == (3, ["A", "B"])
    assert page["nodes"][0] | {"id": 0} == {
        "id": 0,
        "name": "A",
        "host": school.host,
        "isSynced": False,
        "lastUsedAt": None,
        "version": 1,
        "user": {"email": school.learner.email},
    }
    following = await listed(school, school.learner, after=page["pageInfo"]["endCursor"])
    assert [each["name"] for each in following["nodes"]] == ["C"]
    id_ = school.id(NodeKind.PASSKEY, rows[0])
    renamed = await school.ask(RENAME, {"id": id_, "version": 1, "name": "Old"}, caller=school.learner)
    assert renamed.data["updatePasskey"]["passkey"] == {"name": "Old", "version": 2}
    for given, code in (
        ({"version": 1, "name": "X"}, "CONFLICT"),
        ({"version": 2, "name": ""}, "VALIDATION_FAILED"),
    ):
        assert (await school.ask(RENAME, {"id": id_, **given}, caller=school.learner)).code == code
    assert (await school.ask(DELETE, {"id": id_, "version": 1}, caller=school.learner)).code == "CONFLICT"
    gone = await school.ask(DELETE, {"id": id_, "version": 2}, caller=school.learner)
    assert gone.data["deletePasskey"]["deletedPasskeyId"] == id_
    assert (await school.ask(DELETE, {"id": id_}, caller=school.learner)).code == "NOT_FOUND"
    assert (await listed(school, school.learner))["totalCount"] == 2


async def test_others_are_for_who_may_change_them(school: School) -> None:
    mine, owners = await carried(school, school.learner), await carried(school, school.owner)
    user = school.id(NodeKind.USER, school.learner)
    id_ = school.id(NodeKind.PASSKEY, mine)
    for caller in (school.other, school.instructor):
        assert (await school.ask(LIST, {"user": user}, caller=caller)).code == "FORBIDDEN"
        assert (await school.ask(DELETE, {"id": id_}, caller=caller)).code == "NOT_FOUND"
    assert (await listed(school, school.owner, user=user))["totalCount"] == 1
    # what it is called is its owner's to say
    refused = await school.ask(RENAME, {"id": id_, "version": 1, "name": "X"}, caller=school.owner)
    assert refused.code == "NOT_FOUND"
    assert (await school.ask(DELETE, {"id": id_}, caller=school.owner)).codes == []
    theirs = school.id(NodeKind.PASSKEY, owners)
    assert (await school.ask(DELETE, {"id": theirs}, caller=school.learner)).code == "NOT_FOUND"


@pytest.mark.parametrize("first", [0, 1])
async def test_a_page_has_as_many_as_are_asked_for(school: School, first: int) -> None:
    for name in ("A", "B"):
        await carried(school, school.learner, name)
    document = "query ($n: Int!) { passkeys(first: $n) { totalCount nodes { name } } }"
    page = (await school.ask(document, {"n": first}, caller=school.learner)).data["passkeys"]
    assert (page["totalCount"], len(page["nodes"])) == (2, first)


NARROWED = """query ($user: ID, $first: Int!, $after: String, $filter: PasskeyFilter, $by: PasskeyOrderBy) {
  passkeys(userId: $user, first: $first, after: $after, filter: $filter, orderBy: $by) {
    totalCount pageInfo { endCursor hasNextPage } nodes { name } } }"""


async def four(school: School) -> None:
    """Made one after the other, the owner's last."""
    for name, is_synced in (("b", True), ("A", False), ("\u0101b", True)):
        await carried(school, school.learner, name, is_synced=is_synced)
    await carried(school, school.owner, "b", is_synced=True)


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
@pytest.mark.parametrize(("by", "expected"), [("CREATED_AT", ["b", "A", "\u0101b"]), ("NAME", None)])
async def test_they_are_walked_in_their_order_from_either_end(
    school: School, by: str, expected: list[str] | None, direction: str
) -> None:
    await four(school)
    names = expected or sorted(["b", "A", "\u0101b"])
    given = {"first": 1, "by": {"field": by, "direction": direction}}
    after, more, seen = None, True, []
    while more:
        asked = {**given, "after": after}
        page = (await school.ask(NARROWED, asked, caller=school.learner)).data["passkeys"]
        assert page["totalCount"] == 3
        seen += [node["name"] for node in page["nodes"]]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    assert seen == (names if direction == "ASC" else names[::-1])
    for caller, otherwise in (
        (school.learner, {"by": {"field": by, "direction": "ASC" if direction == "DESC" else "DESC"}}),
        (school.learner, {"filter": {"isSynced": True}}),
        (school.owner, {}),
    ):
        reply = await school.ask(NARROWED, {**given, "after": after, **otherwise}, caller=caller)
        assert reply.code == "INVALID_CURSOR"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"name": "B"}, ["b", "\u0101b"]),
        ({"name": "\u0100"}, ["\u0101b"]),
        ({"name": "%"}, []),
        ({"name": "\N{WOMAN}" * 25}, []),
        ({"name": ""}, ["b", "A", "\u0101b"]),
        ({"isSynced": True}, ["b", "\u0101b"]),
        ({"isSynced": False, "name": "a"}, ["A"]),
        ({"isSynced": False, "name": "b"}, []),
    ],
    ids=str,
)
async def test_they_are_narrowed_to_what_is_asked_for(
    school: School, asked: dict[str, object], expected: list[str]
) -> None:
    await four(school)
    user = school.id(NodeKind.USER, school.learner)
    for caller, whose in ((school.learner, None), (school.owner, user)):
        given = {"first": 9, "filter": asked, "user": whose}
        found = (await school.ask(NARROWED, given, caller=caller)).data["passkeys"]
        assert ([node["name"] for node in found["nodes"]], found["totalCount"]) == (expected, len(expected))
    refused = await school.ask(NARROWED, {"first": 9, "filter": asked, "user": user}, caller=school.other)
    assert refused.code == "FORBIDDEN"


@pytest.mark.parametrize(
    ("asked", "code", "field"),
    [
        ({"first": 101}, "VALIDATION_FAILED", "first"),
        ({"filter": {"name": "nul\0inside"}}, "VALIDATION_FAILED", "filter.name"),
        ({"filter": {"name": "x" * 101}}, "VALIDATION_FAILED", "filter.name"),
        ({"by": {"field": "LAST_USED_AT"}}, "GRAPHQL_VALIDATION_FAILED", None),
        ({"user": "\0" * 34}, "INVALID_ID", "userId"),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_what_cannot_be_asked_for_is_told(
    school: School, asked: dict[str, object], code: str, field: str | None
) -> None:
    reply = await school.ask(NARROWED, {"first": 1, **asked}, caller=school.learner)
    assert (reply.code, reply.field) == (code, field)
