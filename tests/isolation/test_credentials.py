"""Every credential of one tenant at the address of every other, alone and together with a rightful one."""

from collections.abc import Mapping

import pytest
from attack import NAMES, PAIRS, accepted
from speaker import SUBSCRIPTIONS, Speaker
from worlds import World

WHO = "{ viewer { user { id } } organization { name } }"
EVENTS = {"accept": "text/event-stream"}


def bearer(world: World) -> dict[str, str]:
    return {"authorization": f"Bearer {world.owner}"}


def key(world: World) -> dict[str, str]:
    return {"x-api-key": world.api_key}


def cookie(world: World) -> dict[str, str]:
    """As a page of the very address sends it."""
    return {"cookie": f"harka={world.cookies['ada@example.com']}"}


def pretended(guest: World, host: World) -> list[dict[str, str]]:
    """What a guest may show at the host's address."""
    return [
        bearer(guest),
        key(guest),
        cookie(guest),
        {**cookie(guest), **bearer(host)},
        {**cookie(host), **bearer(guest)},
        {**cookie(host), **key(guest)},
        {**bearer(guest), **key(guest)},
        {**bearer(host), **key(guest)},
        {**bearer(guest), **key(host)},
    ]


@pytest.mark.parametrize("way", [{}, EVENTS], ids=["answer", "events"])
@pytest.mark.parametrize(("guest_name", "host_name"), PAIRS)
async def test_a_foreign_credential_is_one_uniform_refusal(
    speaker: Speaker, worlds: dict[str, World], guest_name: str, host_name: str, way: Mapping[str, str]
) -> None:
    guest, host = worlds[guest_name], worlds[host_name]
    answers = [
        await speaker.ask(host, asked, variables, headers={**headers, **way})
        for asked, variables in [(WHO, {}), *((field, accepted(field, host)[0]) for field in SUBSCRIPTIONS)]
        for headers in pretended(guest, host)
    ]
    assert {(answer.status, *answer.codes) for answer in answers} == {(403, "FORBIDDEN")}
    assert len({answer.unnamed for answer in answers}) == 1
    assert all(answer.statements == 0 for answer in answers)
    for answer in answers:
        for secret in guest.secrets() | host.secrets():
            assert secret not in answer.text


@pytest.mark.parametrize(("guest_name", "host_name"), PAIRS)
async def test_a_foreign_credential_closes_a_socket(
    speaker: Speaker, worlds: dict[str, World], guest_name: str, host_name: str
) -> None:
    guest, host = worlds[guest_name], worlds[host_name]
    # said in the handshake, in the first message, and half here and half there
    said = [(headers, {}) for headers in pretended(guest, host)]
    # a cookie comes with the handshake alone
    said += [({}, headers) for headers in pretended(guest, host) if "cookie" not in headers]
    said += [(key(guest), bearer(host)), (bearer(guest), key(host)), (key(host), bearer(guest))]
    ends = {await _end(speaker, speaker.address(host), *each) for each in said}
    ((code, reason, statements),) = ends
    assert (code, statements) == (4403, 0)
    assert not any(secret in reason for secret in guest.secrets() | host.secrets())
    # without an address of its own two that disagree are refused as well
    assert await _end(speaker, "localhost", {}, {**bearer(host), **key(guest)}) in ends


@pytest.mark.parametrize("name", NAMES)
async def test_own_credentials_open_a_socket(speaker: Speaker, worlds: dict[str, World], name: str) -> None:
    """The control."""
    world = worlds[name]
    for headers in (bearer(world), key(world), {**bearer(world), **key(world)}):
        for address in (speaker.address(world), "localhost"):
            async with speaker.socket(address, {}) as socket:
                assert (await socket.receive())["type"] == "websocket.accept"
                socket.say("connection_init", payload=headers)
                assert await socket.hear() == {"type": "connection_ack"}
                socket.say("subscribe", id="1", payload={"query": "{ organization { id } }"})
                told = await socket.hear()
                assert told["payload"]["data"]["organization"] == {"id": world.id_of("Organization")}


async def _end(
    speaker: Speaker, address: str, handshake: Mapping[str, str], payload: Mapping[str, str]
) -> tuple[int, str, int]:
    """How a socket is closed: code and reason; and the statements that it took."""
    async with speaker.socket(address, handshake) as socket:
        assert (await socket.receive())["type"] == "websocket.accept"
        socket.say("connection_init", payload=payload)
        code, reason = await socket.closed()
    assert speaker.app.request is not None
    return code, reason, speaker.app.request.record.statements


@pytest.mark.parametrize(("guest_name", "host_name"), PAIRS)
async def test_without_an_address_two_credentials_must_still_agree(
    speaker: Speaker, worlds: dict[str, World], guest_name: str, host_name: str
) -> None:
    guest, host = worlds[guest_name], worlds[host_name]
    answer = await speaker.ask(host, WHO, headers={**bearer(host), **key(guest)}, host="localhost")
    assert (answer.status, answer.codes) == (403, {"FORBIDDEN"})


@pytest.mark.parametrize("headers", [bearer, key], ids=["token", "key"])
async def test_a_bad_credential_says_the_same_at_every_address(
    speaker: Speaker, worlds: dict[str, World], headers: object
) -> None:
    texts, ends = set(), set()
    for world in worlds.values():
        (name, value), *_ = (bearer if headers is bearer else key)(world).items()
        # the last character of an Ed25519 signature or of a key holds spare bits: change one that counts
        broken = value[:-3] + ("A" if value[-3] != "A" else "B") + value[-2:]
        for host in worlds.values():
            answer = await speaker.ask(host, WHO, headers={name: broken})
            assert (answer.status, answer.codes, answer.statements) == (401, {"UNAUTHENTICATED"}, 0)
            texts.add(answer.unnamed)
            ends.add(await _end(speaker, speaker.address(host), {}, {name: broken}))
    assert len(texts) == 1
    ((code, _, statements),) = ends
    assert (code, statements) == (4401, 0)


async def test_a_spoofed_forwarded_host_changes_nothing(speaker: Speaker, worlds: dict[str, World]) -> None:
    mine, other = worlds["pool-a"], worlds["pool-b"]
    answer = await speaker.ask(
        mine, WHO, headers={**bearer(mine), "x-forwarded-host": speaker.address(other)}
    )
    assert answer.codes == set()
    assert other.organization.name not in answer.text


@pytest.mark.parametrize("suffix", [".evil.example", "x", ".harka.localhost.evil.example"])
async def test_an_address_that_only_begins_like_ours_is_nobody(
    speaker: Speaker, worlds: dict[str, World], suffix: str
) -> None:
    world = worlds["schema-a"]
    answer = await speaker.ask(world, WHO, host=speaker.address(world) + suffix)
    assert (answer.status, answer.codes) == (404, {"UNKNOWN_TENANT"})
