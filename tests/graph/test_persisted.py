"""Documents named by their hash, over HTTP and a socket, with a real Valkey between processes."""

import hashlib
from typing import Any
from uuid import uuid4

import pytest

from harka.cache.tenant import TenantCache
from harka.codec import json_bytes
from harka.errors import BadRequestError
from harka.graph.persisted import PersistedDocuments, require_hash
from harka.runtime import Runtime
from harka.tenancy.permission import Permission
from school import School, school

__all__ = ["school"]

TEXT = "query Named($first: Int!) { courses(first: $first) { totalCount } }"
VARIABLES = {"first": 1}


def hash_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def named(text: str = TEXT) -> dict[str, Any]:
    """What names a document."""
    return {"persistedQuery": {"version": 1, "sha256Hash": hash_of(text)}}


async def ask(of: School, body: dict[str, Any], *, anonymous: bool = False, accept: str = "") -> Any:
    headers = await of.headers(None if anonymous else tuple(Permission))
    return await of.send(
        json={"variables": VARIABLES, **body}, headers={**headers, "accept": accept, "graphql-cost": "0"}
    )


def code_of(response: Any) -> str:
    (error,) = response.json()["errors"]
    return str(error["extensions"]["code"])


async def test_a_document_that_was_sent_once_is_named_from_then_on(school: School) -> None:
    text = TEXT + "# once"
    missing = await ask(school, {"extensions": named(text)})
    # the words that clients look for
    assert missing.json()["errors"][0]["message"] == "PersistedQueryNotFound"
    assert (missing.status_code, code_of(missing)) == (200, "PERSISTED_QUERY_NOT_FOUND")
    sent = await ask(school, {"query": text, "extensions": named(text)})
    again = await ask(school, {"extensions": named(text)})
    assert again.json() == sent.json() == {"data": {"courses": {"totalCount": 4}}}
    assert school.app.record.operation == "Named"


async def test_by_get_too(school: School) -> None:
    text = TEXT + "# by GET"
    await ask(school, {"query": text, "extensions": named(text)})
    params = {"extensions": json_bytes(named(text)).decode(), "variables": '{"first": 1}'}
    response = await school.send("GET", params=params, headers=await school.headers(tuple(Permission)))
    assert response.json() == {"data": {"courses": {"totalCount": 4}}}


async def test_in_a_socket_too(school: School) -> None:
    text = TEXT + "# by socket"
    async with school.socket(headers=await school.headers(tuple(Permission))) as socket:
        await socket.receive()
        socket.say("connection_init")
        await socket.hear()
        for number, body in enumerate(({}, {"query": text}, {})):
            payload = {**body, "extensions": named(text), "variables": VARIABLES}
            socket.say("subscribe", id=str(number), payload=payload)
            told = await socket.hear()
            if number == 0:
                assert told["payload"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"
                continue
            assert told["payload"] == {"data": {"courses": {"totalCount": 4}}}
            assert (await socket.hear())["type"] == "complete"


async def test_it_is_a_refusal_with_a_status_where_the_type_is_graphqls_own(school: School) -> None:
    response = await ask(
        school, {"extensions": named("{ never }")}, accept="application/graphql-response+json"
    )
    assert (response.status_code, code_of(response)) == (400, "PERSISTED_QUERY_NOT_FOUND")


async def test_another_tenant_has_not_sent_it(school: School, make_tenant: Any) -> None:
    text = TEXT + "# ours"
    other = School(school.runtime, await make_tenant())
    await ask(school, {"query": text, "extensions": named(text)})
    assert code_of(await ask(other, {"extensions": named(text)})) == "PERSISTED_QUERY_NOT_FOUND"
    assert "data" in (await ask(school, {"extensions": named(text)})).json()


async def test_who_is_nobody_leaves_nothing(school: School) -> None:
    text = "{ viewer { kind } } # nobody's"
    assert "data" in (await ask(school, {"query": text, "extensions": named(text)}, anonymous=True)).json()
    assert code_of(await ask(school, {"extensions": named(text)})) == "PERSISTED_QUERY_NOT_FOUND"


@pytest.mark.parametrize("text", ["{", "{ nothing }"])
async def test_what_is_refused_is_not_kept(school: School, text: str) -> None:
    await ask(school, {"query": text, "extensions": named(text)})
    assert code_of(await ask(school, {"extensions": named(text)})) == "PERSISTED_QUERY_NOT_FOUND"


async def test_a_hash_of_something_else_is_refused(school: School) -> None:
    response = await ask(school, {"query": TEXT, "extensions": named("{ other }")})
    assert (response.status_code, code_of(response)) == (400, "BAD_REQUEST")
    assert code_of(await ask(school, {"extensions": named("{ other }")})) == "PERSISTED_QUERY_NOT_FOUND"
    with pytest.raises(BadRequestError):
        require_hash(hash_of("a"), "b")


@pytest.mark.parametrize(
    "extension",
    [
        "x", [], {}, {"version": 1}, {"version": 2, "sha256Hash": "0" * 64},
        {"version": 1, "sha256Hash": "0" * 63}, {"version": 1, "sha256Hash": "g" * 64},
        {"version": 1, "sha256Hash": "0" * 64 + "\n"}, {"version": 1, "sha256Hash": 5},
    ],
)  # fmt: skip
async def test_what_names_nothing_is_refused(school: School, extension: object) -> None:
    for body in ({}, {"query": TEXT}):
        response = await ask(school, {**body, "extensions": {"persistedQuery": extension}})
        assert (response.status_code, code_of(response)) == (400, "BAD_REQUEST")


async def test_other_processes_find_it_through_writes_and_whatever_the_case(runtime: Runtime) -> None:
    tenant, cache = uuid4(), runtime.cache
    await PersistedDocuments(cache).keep(tenant, hash_of(TEXT), TEXT, budget=2**20)
    await cache.invalidate(tenant)
    other = PersistedDocuments(cache)
    assert await other.find(tenant, hash_of(TEXT)) == TEXT
    assert await other.find(uuid4(), hash_of(TEXT)) is None
    assert await other.find(tenant, hash_of("{ other }")) is None


async def test_without_a_cache_each_process_keeps_its_own(runtime: Runtime) -> None:
    tenant, cache = uuid4(), TenantCache(None, runtime.keyring.cache)
    documents = PersistedDocuments(cache)
    await documents.keep(tenant, hash_of(TEXT), TEXT, budget=2**20)
    assert await documents.find(tenant, hash_of(TEXT)) == TEXT
    assert await PersistedDocuments(cache).find(tenant, hash_of(TEXT)) is None


async def test_what_a_process_keeps_is_bounded(monkeypatch: pytest.MonkeyPatch, runtime: Runtime) -> None:
    monkeypatch.setattr("harka.graph.persisted._BYTES", 4_000)
    documents = PersistedDocuments(TenantCache(None, runtime.keyring.cache))
    tenant, texts = uuid4(), [TEXT + f"# {number}" for number in range(100)]
    for text in texts:
        await documents.keep(tenant, hash_of(text), text, budget=2**20)
    found = [await documents.find(tenant, hash_of(text)) for text in texts]
    assert found[-1] == texts[-1]
    assert sum(text is not None for text in found) < 40
