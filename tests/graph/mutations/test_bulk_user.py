from typing import Any

import pytest

from harka.ids import NodeKind
from school import School

BULK = """mutation ($input: BulkUsersInput!) { bulkUsers(input: $input) {
  errors { code field } created updated failed
  results { index created user { email name role customRole { name } } error { code field } } } }"""


async def bulk(school: School, *people: dict[str, Any], **given: Any) -> Any:
    reply = await school.ask(BULK, {"input": {"users": people, **given}})
    return reply.data["bulkUsers"]


async def test_people_are_made_and_changed_and_each_is_told_of(school: School) -> None:
    learner, role = school.id(NodeKind.USER, school.learner), school.id(NodeKind.CUSTOM_ROLE, school.role)
    people: list[dict[str, Any]] = [
        {"email": "new@example.com", "name": "Ada", "roleId": role},
        {"id": learner, "version": 1, "name": "Bea", "role": "INSTRUCTOR", "locale": None},
        {"id": "garbage", "name": "X"},
        {"email": "p1@example.com", "name": "X"},
        {"id": learner, "name": None},
        {"email": "x@example.com", "name": "X", "role": "ADMIN", "roleId": role},
    ]
    done = await bulk(school, *people, onError="REJECT_FAILED_ROWS")
    assert (done["errors"], done["created"], done["updated"], done["failed"]) == ([], 1, 1, 4)
    assert [each["user"] for each in done["results"]] == [
        {
            "email": "new@example.com",
            "name": "Ada",
            "role": "CUSTOM",
            "customRole": {"name": "Helper"},
        },
        {"email": school.learner.email, "name": "Bea", "role": "INSTRUCTOR", "customRole": None},
        *[None] * 4,
    ]
    assert [each["error"] and tuple(each["error"].values()) for each in done["results"]] == [
        *(None, None, ("INVALID_ID", "id"), ("VALIDATION_FAILED", "email")),
        *(("VALIDATION_FAILED", "name"), ("VALIDATION_FAILED", "role")),
    ]


async def test_by_default_one_that_fails_keeps_all_back(school: School) -> None:
    people = [{"email": "new@example.com", "name": "Ada"}, {"id": "garbage"}]
    rejected = await bulk(school, *people)
    assert (rejected["created"], rejected["updated"], rejected["failed"]) == (0, 0, 1)
    ignoring = await bulk(school, *people, onError="IGNORE_FAILED", dryRun=True)
    assert (ignoring["created"], ignoring["failed"]) == (1, 1)
    assert [each["user"] for each in ignoring["results"]] == [None]
    assert (await bulk(school, people[0]))["created"] == 1


@pytest.mark.parametrize("number", [0, 10_001])
async def test_none_is_nothing_and_too_many_are_refused(school: School, number: int) -> None:
    done = await bulk(school, *[{"email": "x", "name": "X"}] * number)
    refused = [{"code": "VALIDATION_FAILED", "field": "users"}] if number else []
    assert done["errors"] == refused


async def test_a_job_writes_whom_it_is_asked_to(school: School) -> None:
    document = BULK.replace("created", "bulkChange { kind state total } created", 1)
    people = [{"email": "new@example.com", "name": "Ada"}, {"id": "garbage"}]
    done = (await school.ask(document, {"input": {"users": people, "asJob": True}})).data["bulkUsers"]
    assert done["bulkChange"] == {"kind": "USERS", "state": "QUEUED", "total": 2}
    assert (done["created"], done["results"]) == (None, None)
    seen = await school.ask("{ users(first: 99) { nodes { email } } }")
    assert "new@example.com" not in str(seen.data)
