"""What is replayed is told to who may still ask for it."""

from typing import Any

from harka.learning import user
from harka.learning.user import UserChanges, UserDraft
from harka.repositories.user import User
from school import School

INVITE = """mutation { invited: inviteUser(input: {email: "new@example.com"}) { token errors { code } } }"""
BOTH = """mutation {
  ...Inviting
  ... { kept: createUpload(input: {name: "a.txt", size: 1, mediaType: "text/plain", clientMutationId: "c"}) {
    clientMutationId } }
}
fragment Inviting on Mutation { invited: inviteUser(input: {email: "new@example.com"}) { token } }"""


async def send(school: School, caller: User, query: str, key: str = "key-1") -> tuple[Any, str | None]:
    headers = {**await school.headers(caller), "idempotency-key": key}
    answer = await school.send(json={"query": query}, headers=headers)
    return answer.json(), answer.headers.get("idempotency-replayed")


async def an_admin(school: School) -> User:
    async with school.work() as work:
        return await user.create(work, UserDraft(email="a@example.com", name="Admin", role="admin"))


async def demote(school: School, person: User) -> None:
    async with school.work() as work:
        await user.update(work, person.id, UserChanges(role="learner"), version=person.version)


async def test_who_may_not_ask_any_more_is_told_so_as_at_first(school: School) -> None:
    admin = await an_admin(school)
    first, _ = await send(school, admin, INVITE)
    assert first["data"]["invited"]["token"]
    assert await send(school, admin, INVITE) == (first, "true")
    await demote(school, admin)
    again, _ = await send(school, admin, INVITE)
    anew, _ = await send(school, admin, INVITE, "key-2")
    for each in (again, anew):
        each["errors"][0]["extensions"].pop("requestId")
    assert again == anew
    assert (again["data"], again["errors"][0]["extensions"]["code"]) == ({"invited": None}, "FORBIDDEN")


async def test_what_they_may_ask_still_is_replayed_and_nothing_is_done(school: School) -> None:
    admin = await an_admin(school)
    first, _ = await send(school, admin, BOTH)
    assert (first["data"]["kept"], list(first)) == ({"clientMutationId": "c"}, ["data"])
    await demote(school, admin)
    again, replayed = await send(school, admin, BOTH)
    assert again["data"] == {"invited": None, "kept": {"clientMutationId": "c"}}
    assert [error["path"] for error in again["errors"]] == [["invited"]]
    # who acts, and the key: neither the upload nor the invitation
    assert (replayed, school.app.record.statements) == ("true", 2)
