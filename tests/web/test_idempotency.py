"""`Idempotency-Key`: a mutation that is sent again is not done again."""

import asyncio
from typing import Any

import httpx2
import pytest

from harka.ids import NodeKind
from harka.learning import course as courses
from harka.tenancy.permission import Permission
from school import School, school

__all__ = ["school"]

CREATE = """mutation ($input: CreateCourseInput!) { createCourse(input: $input) {
  errors { code field } course { id code } } }"""


async def send(
    school: School, code: str, key: str | None, *, caller: Any = None, **body: Any
) -> httpx2.Response:
    headers = await school.headers(caller or school.owner)
    if key is not None:
        headers["idempotency-key"] = key
    asked = {"query": CREATE, "variables": {"input": {"title": "Algebra", "code": code}}, **body}
    return await school.send(json=asked, headers=headers)


async def count(school: School) -> int:
    async with school.work() as work:
        return await courses.count(work)


async def test_a_retry_gets_the_first_answer_and_does_nothing(school: School) -> None:
    before = await count(school)
    first = await send(school, "ALG", "key-1")
    again = await send(school, "ALG", "key-1")
    quoted = await send(school, "ALG", '"key-1"')

    assert first.json()["data"]["createCourse"]["course"]["code"] == "ALG"
    assert again.content == quoted.content == first.content
    assert [each.headers.get("idempotency-replayed") for each in (first, again, quoted)] == [
        *(None, "true", "true")
    ]
    assert await count(school) == before + 1
    # taking the key is the one statement that a retry costs, beside the look-up of who asks
    assert school.app.record.statements == 2


async def test_many_at_once_are_one(school: School) -> None:
    before = await count(school)
    answers = await asyncio.gather(*(send(school, "ALG", "key-1") for _ in range(8)))
    assert len({answer.content for answer in answers}) == 1
    assert await count(school) == before + 1


async def test_another_request_under_the_key_is_refused(school: School) -> None:
    await send(school, "ALG", "key-1")
    before = await count(school)
    reused = await send(school, "GEO", "key-1")
    assert reused.status_code == 422
    assert reused.json()["errors"][0]["extensions"]["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert await count(school) == before


async def test_what_was_refused_may_be_sent_again(school: School) -> None:
    taken = school.courses[0].code
    for _ in range(2):
        refused = await send(school, taken, "key-1")
        assert refused.json()["data"]["createCourse"]["errors"] == [
            {"code": "VALIDATION_FAILED", "field": "code"}
        ]
        assert "idempotency-replayed" not in refused.headers
    mended = await send(school, "ALG", "key-1")
    assert mended.json()["data"]["createCourse"]["course"]["code"] == "ALG"


async def test_two_callers_may_use_one_key(school: School) -> None:
    before = await count(school)
    await send(school, "ALG", "key-1")
    other = await send(school, "GEO", "key-1", caller=list(Permission))
    assert other.json()["data"]["createCourse"]["course"]["code"] == "GEO"
    assert await count(school) == before + 2


async def test_a_key_may_stand_in_the_extensions(school: School) -> None:
    first = await send(school, "ALG", None, extensions={"idempotencyKey": "key-1"})
    again = await send(school, "ALG", "key-1", extensions={"idempotencyKey": "key-1"})
    assert again.content == first.content
    differing = await send(school, "ALG", "key-2", extensions={"idempotencyKey": "key-1"})
    assert differing.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "é"])
async def test_what_is_no_key_is_refused_and_nothing_is_done(school: School, key: str) -> None:
    before = await count(school)
    headers = [(b"idempotency-key", key.encode("latin-1"))]
    headers += [(name.encode(), text.encode()) for name, text in (await school.headers(school.owner)).items()]
    asked = {"query": CREATE, "variables": {"input": {"title": "Algebra", "code": "ALG"}}}
    refused = await school.send(json=asked, headers=headers)
    assert refused.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert await count(school) == before


async def test_a_key_in_a_socket(school: School) -> None:
    before = await count(school)
    asked = {
        "query": CREATE,
        "variables": {"input": {"title": "Algebra", "code": "ALG"}},
        "extensions": {"idempotencyKey": "key-1"},
    }
    async with school.socket(headers=await school.headers(school.owner)) as socket:
        await socket.receive()
        socket.say("connection_init")
        assert (await socket.hear())["type"] == "connection_ack"
        told = []
        for id_ in ("1", "2"):
            socket.say("subscribe", id=id_, payload=asked)
            told.append((await socket.hear())["payload"])
            assert (await socket.hear())["type"] == "complete"
    assert told[0] == told[1]
    assert await count(school) == before + 1


async def test_a_question_needs_no_key_and_keeps_none(school: School) -> None:
    id_ = school.id(NodeKind.COURSE, school.courses[0])
    headers = {**await school.headers(school.owner), "idempotency-key": "key-1"}
    asked = {"query": "query ($id: ID!) { course(id: $id) { id } }", "variables": {"id": id_}}
    answer = await school.send(json=asked, headers=headers)
    assert answer.json()["data"]["course"] == {"id": id_}
    assert (await send(school, "ALG", "key-1")).json()["data"]["createCourse"]["course"]["code"] == "ALG"
