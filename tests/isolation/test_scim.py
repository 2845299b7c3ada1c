"""Every route of SCIM with another organization's token, and with another organization's ids."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from attack import PAIRS
from speaker import Speaker
from state import States
from test_filters_alone import unguarded
from worlds import World

__all__ = ["unguarded"]

ABSENT = "AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
PATCH = {"Operations": [{"op": "replace", "path": "displayName", "value": "Taken"}]}
PERSON = {"userName": "taken@example.com", "displayName": "Taken"}
GROUP = {"displayName": "Taken"}


def routes(user: str, group: str) -> Iterator[tuple[str, str, Any]]:
    """Every method of every route, and each place where an id goes."""
    for place in ("ServiceProviderConfig", "ResourceTypes", "Schemas", "Me", "Users", "Groups", ""):
        yield "GET", f"/{place}", None
    for place in ("/.search", "/Users/.search", "/Groups/.search"):
        yield "POST", place, {"filter": f'id eq "{user}" or id eq "{group}"'}
    yield "POST", "/Users", PERSON
    yield "POST", "/Groups", {**GROUP, "members": [{"value": user}]}
    yield from with_ids(user, group)


def with_ids(user: str, group: str) -> Iterator[tuple[str, str, Any]]:
    for path, body in ((f"/Users/{user}", PERSON), (f"/Groups/{group}", GROUP)):
        yield "GET", path, None
        yield "PUT", path, body
        yield "PATCH", path, PATCH
        yield "DELETE", path, None
        yield "POST", "/Bulk", {"Operations": [{"method": "DELETE", "path": path}]}
        yield "POST", "/Bulk", {"Operations": [{"method": "PATCH", "path": path, "data": PATCH}]}
    # of the other kind
    yield "GET", f"/Users/{group}", None
    yield "GET", f"/Groups/{user}", None
    yield "POST", "/Groups", {**GROUP, "members": [{"value": user}]}
    for place, asked in (
        ("Users", f'id eq "{user}"'),
        ("Users", f'groups.value eq "{group}"'),
        ("Groups", f'id eq "{group}"'),
        ("Groups", f'members.value eq "{user}"'),
    ):
        yield "GET", f"/{place}?filter={quote(asked)}", None


async def send(speaker: Speaker, at: World, token: str, method: str, path: str, body: Any) -> httpx2.Response:
    headers = {"host": speaker.address(at), "authorization": f"Bearer {token}"}
    more = {} if body is None else {"json": body}
    return await speaker.http.request(method, f"/scim/v2{path}", headers=headers, **more)


@pytest.mark.parametrize(("guest_name", "host_name"), PAIRS)
async def test_a_foreign_token_is_one_uniform_refusal_on_every_route(
    speaker: Speaker, states: States, worlds: dict[str, World], guest_name: str, host_name: str
) -> None:
    guest, host = worlds[guest_name], worlds[host_name]
    kept = [(state, await state.rows()) for state in [await states.of(w.organization) for w in (guest, host)]]
    texts = set()
    for ids in (host, guest):
        for method, path, body in routes(ids.id_of("User"), ids.id_of("Group")):
            answer = await send(speaker, host, guest.scim, method, path, body)
            assert answer.status_code == 403, (method, path)
            texts.add(answer.text)
            assert speaker.app.request is not None
            assert speaker.app.request.record.statements == 0
    (text,) = texts
    assert '"status":"403"' in text
    assert not any(secret in text for secret in guest.secrets() | host.secrets())
    for state, before in kept:
        assert await state.changed(before) == set()


@pytest.mark.parametrize(("guest_name", "host_name"), PAIRS)
async def test_a_foreign_id_is_the_same_as_none(
    speaker: Speaker, states: States, worlds: dict[str, World], guest_name: str, host_name: str
) -> None:
    guest, host = worlds[guest_name], worlds[host_name]
    kept = [(state, await state.rows()) for state in [await states.of(w.organization) for w in (guest, host)]]
    user, group = host.id_of("User"), host.id_of("Group")
    for foreign, absent in zip(with_ids(user, group), with_ids(ABSENT, ABSENT), strict=True):
        told, nothing = [await send(speaker, guest, guest.scim, *each) for each in (foreign, absent)]
        assert told.status_code == nothing.status_code, foreign
        said = told.text.replace(user, ABSENT).replace(group, ABSENT)
        assert said == nothing.text, foreign
        if told.status_code == 200:
            assert '"totalResults":0' in told.text or '"status":"404"' in told.text
        else:
            assert told.status_code in {400, 404}
    for state, before in kept:
        # when the guest's own token was used, nothing else
        assert await state.changed(before) <= {"control.scim_token"}


@pytest.mark.parametrize(("asker_name", "other_name"), [("pool-a", "pool-b"), ("pool-b", "pool-a")])
async def test_lists_show_only_ones_own_without_the_policies_too(
    unguarded: Speaker, speaker: Speaker, worlds: dict[str, World], asker_name: str, other_name: str
) -> None:
    asker, other = worlds[asker_name], worlds[other_name]
    asked = ["/Users", "/Groups", "", f"/Users/{asker.id_of('User')}", f"/Groups/{asker.id_of('Group')}"]
    for place, text in (
        ("Users", 'userName eq "ada@example.com"'),
        ("Users", 'externalId eq "known"'),
        ("Users", 'emails.value ew "example.com"'),
        ("Users", f'displayName co "{other.canary}"'),
        ("Users", f'groups.value eq "{asker.id_of("Group")}"'),
        ("Groups", 'externalId eq "known"'),
        ("Groups", f'displayName co "{asker.canary}"'),
        ("Groups", f'members.value eq "{asker.id_of("User")}"'),
    ):
        asked.append(f"/{place}?filter={quote(text)}")
    for path in asked:
        bare = await send(unguarded, asker, asker.scim, "GET", path, None)
        guarded = await send(speaker, asker, asker.scim, "GET", path, None)
        assert bare.status_code == 200, path
        assert bare.text == guarded.text, path
        assert not any(secret in bare.text for secret in other.secrets() - asker.secrets()), path
        if other.canary not in path:
            assert bare.json().get("totalResults", 1) > 0, path


async def test_a_name_that_another_organization_has_is_free(
    speaker: Speaker, states: States, worlds: dict[str, World]
) -> None:
    pair = [worlds[name] for name in ("pool-a", "pool-b")]
    kept = [(state, await state.rows()) for state in [await states.of(world.organization) for world in pair]]
    for _ in ("makes them", "has them"):
        told = [await send(speaker, world, world.scim, "POST", "/Users", PERSON) for world in pair]
    assert [each.json().get("scimType") for each in told] == ["uniqueness", "uniqueness"]
    for state, before in kept:
        changed = await state.put_back(before)
        assert {name.rpartition(".")[2].strip('"') for name in changed} >= {"user", "scim_user"}
