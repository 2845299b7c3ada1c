"""Registered documents, over HTTP and a socket; and nothing but them."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harka.codec import json_bytes
from harka.config import ConfigurationError, Settings
from harka.graph.trusted import TrustedDocuments, hash_of, read_trusted
from harka.tenancy.permission import Permission
from school import School, school

__all__ = ["school"]

TEXT = "query Registered { viewer { kind } }"
OTHER = "{ viewer { kind } } # not registered"
DATA = {"data": {"viewer": {"kind": "API_KEY"}}}
REQUIRED = "PERSISTED_DOCUMENT_REQUIRED"

Register = Callable[..., Settings]


def named(text: str) -> dict[str, Any]:
    """What names a document."""
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": sha256}}}


@pytest.fixture
def register(settings: Settings, tmp_path: Path) -> Register:
    def registered(*texts: str, documents: Any = "any") -> Settings:
        file = tmp_path / "persisted.json"
        file.write_bytes(json_bytes({hashlib.sha256(text.encode()).hexdigest(): text for text in texts}))
        return msgspec.structs.replace(settings, trusted_documents=str(file), documents=documents)

    return registered


@pytest.fixture
def strict(school: School, register: Register) -> School:
    """Executes one document."""
    settings = register(TEXT, documents="trusted")
    return School(msgspec.structs.replace(school.runtime, settings=settings), school.organization)


async def ask(of: School, body: dict[str, Any], *, accept: str = "") -> Any:
    headers = {**await of.headers(tuple(Permission)), "accept": accept, "graphql-cost": "0"}
    return await of.send(json=body, headers=headers)


def code_of(response: Any) -> str:
    (error,) = response.json()["errors"]
    return str(error["extensions"]["code"])


async def test_a_registered_document_is_named_without_having_been_sent(
    school: School, register: Register, make_tenant: Any
) -> None:
    runtime = msgspec.structs.replace(school.runtime, settings=register(TEXT))
    for organization in (school.organization, await make_tenant()):
        of = School(runtime, organization)
        assert (await ask(of, named(TEXT))).json() == DATA
        # others still are as before
        assert code_of(await ask(of, named(OTHER))) == "PERSISTED_QUERY_NOT_FOUND"
        assert (await ask(of, {"query": OTHER})).json() == DATA


async def test_nothing_else_is_executed_where_that_is_the_mode(school: School, strict: School) -> None:
    # sent where everything is accepted: kept for those who ask there
    assert (await ask(school, {"query": OTHER, **named(OTHER)})).json() == DATA
    assert (await ask(strict, named(TEXT))).json() == DATA
    assert (await ask(strict, {"query": TEXT})).json() == DATA
    for body in ({"query": OTHER}, {"query": OTHER, **named(OTHER)}, named(OTHER), {"query": ""}):
        refused = await ask(strict, body)
        assert (refused.status_code, code_of(refused)) == (200, REQUIRED)
        assert "data" not in refused.json()
    refused = await ask(strict, {"query": OTHER}, accept="application/graphql-response+json")
    assert (refused.status_code, code_of(refused)) == (400, REQUIRED)
    params = {"query": OTHER}
    by_get = await strict.send("GET", params=params, headers=await strict.headers(tuple(Permission)))
    assert code_of(by_get) == REQUIRED
    events = await ask(strict, {"query": OTHER}, accept="text/event-stream")
    assert REQUIRED in events.text


async def test_nor_by_a_socket(strict: School) -> None:
    async with strict.socket(headers=await strict.headers(tuple(Permission))) as socket:
        await socket.receive()
        socket.say("connection_init")
        await socket.hear()
        socket.say("subscribe", id="1", payload={"query": OTHER})
        assert (await socket.hear())["payload"][0]["extensions"]["code"] == REQUIRED
        socket.say("subscribe", id="2", payload=named(TEXT))
        assert (await socket.hear())["payload"] == DATA


async def test_our_own_page_goes_on(strict: School) -> None:
    page = Path(__file__).parents[2] / "dashboard" / "dashboard.js"
    (overview,) = [text for text in page.read_text().split("`") if text.startswith("query Dashboard {")]
    assert "data" in (await ask(strict, {"query": overview})).json()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file"),
        ("[]", "not a JSON object"),
        ("{", "not a JSON object"),
        ('{"abc": "{ viewer { kind } }"}', "'abc' is not the SHA-256"),
        ('{"abc": 5}', "'abc' is not the SHA-256"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, content: str | None, said: str) -> None:
    file = tmp_path / "wrong.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigurationError, match=f"^HARKA_TRUSTED_DOCUMENTS: wrong.json.*{said}"):
        read_trusted(Settings(trusted_documents=str(file)), [])


def test_a_mode_that_would_refuse_everything_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="HARKA_DOCUMENTS"):
        read_trusted(Settings(documents="trusted"), [])
    with pytest.raises(ConfigurationError, match=r"no \.json file"):
        read_trusted(Settings(documents="trusted", trusted_documents=str(tmp_path)), [])


def test_a_directory_holds_the_lists_of_several_clients(tmp_path: Path) -> None:
    for name, text in (("phone", TEXT), ("web", OTHER)):
        (tmp_path / f"{name}.json").write_bytes(json_bytes({hash_of(text).upper(): text}))
    found = read_trusted(Settings(trusted_documents=str(tmp_path)), [])
    assert [found.find(hash_of(text)) for text in (TEXT, OTHER, "{ other }")] == [TEXT, OTHER, None]


def test_without_a_list_everything_is_accepted() -> None:
    assert TrustedDocuments().accepts("")
    assert not TrustedDocuments(only=True).accepts("")
