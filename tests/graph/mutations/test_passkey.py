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


async def carried(school: School, person: User, name: str = "Phone") -> Passkey:
    now = clock.now()
    made = Passkey(new_id(), person.id, name, school.host, False, None, now, now, 1)
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
