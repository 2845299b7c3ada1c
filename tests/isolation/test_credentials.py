"""Every credential of one tenant at the address of every other, alone and together with a rightful one."""

import pytest
from attack import PAIRS
from speaker import Speaker
from worlds import World

WHO = "{ viewer { user { id } } organization { name } }"


def bearer(world: World) -> dict[str, str]:
    return {"authorization": f"Bearer {world.owner}"}


def key(world: World) -> dict[str, str]:
    return {"x-api-key": world.api_key}


@pytest.mark.parametrize(("guest_name", "host_name"), PAIRS)
async def test_a_foreign_credential_is_one_uniform_refusal(
    speaker: Speaker, worlds: dict[str, World], guest_name: str, host_name: str
) -> None:
    guest, host = worlds[guest_name], worlds[host_name]
    tried = [
        bearer(guest),
        key(guest),
        {**bearer(guest), **key(guest)},
        {**bearer(host), **key(guest)},
        {**bearer(guest), **key(host)},
    ]
    answers = [await speaker.ask(host, WHO, headers=headers) for headers in tried]
    assert {(answer.status, *answer.codes) for answer in answers} == {(403, "FORBIDDEN")}
    assert len({answer.unnamed for answer in answers}) == 1
    assert all(answer.statements == 0 for answer in answers)
    for answer in answers:
        for secret in guest.secrets() | host.secrets():
            assert secret not in answer.text


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
    texts = set()
    for world in worlds.values():
        (name, value), *_ = (bearer if headers is bearer else key)(world).items()
        # the last character of an Ed25519 signature or of a key holds spare bits: change one that counts
        broken = value[:-3] + ("A" if value[-3] != "A" else "B") + value[-2:]
        for host in worlds.values():
            answer = await speaker.ask(host, WHO, headers={name: broken})
            assert (answer.status, answer.codes, answer.statements) == (401, {"UNAUTHENTICATED"}, 0)
            texts.add(answer.unnamed)
    assert len(texts) == 1


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
