import asyncio
from typing import Any

import pytest

from academy import Academy
from harka.crypto.envelope import BrokenSealError
from harka.errors import BadRequestError, IdempotencyKeyReusedError
from harka.learning import idempotency
from harka.repositories import idempotency as repository
from harka.storage.statement import Statement
from waiting import until

WAITING = Statement(
    "test.waiting",
    """SELECT count(*) FROM pg_locks WHERE NOT granted
      AND $1::uuid IS NOT NULL AND to_regclass('{schema}.course') IS NOT NULL""",
)
SECRET, ANOTHER = b"s" * 32, b"t" * 32
ONE, OTHER = bytes(32), bytes(31) + b"\1"


async def answered(academy: Academy, key: str = "k", answer: bytes = b"done") -> None:
    async with academy.work() as work:
        assert await idempotency.take(work, key, ONE, secret=SECRET) is None
        await idempotency.keep(work, key, answer, secret=SECRET)


async def test_the_second_time_there_is_the_first_answer(academy: Academy) -> None:
    await answered(academy)

    async with academy.work() as work:
        assert await idempotency.take(work, "k", ONE, secret=SECRET) == b"done"
        assert await idempotency.take(work, "another", ONE, secret=SECRET) is None


async def test_a_key_is_of_one_request(academy: Academy) -> None:
    await answered(academy)

    with pytest.raises(IdempotencyKeyReusedError):
        async with academy.work() as work:
            await idempotency.take(work, "k", OTHER, secret=SECRET)


async def test_neither_request_nor_answer_is_kept_in_clear(academy: Academy, rival: Academy) -> None:
    for each in (academy, rival):
        await answered(each, answer=b"what is told once")
    kept = [row for each in (academy, rival) for row in await each.rows("idempotency")]
    assert len(kept) == len({row["fingerprint"] for row in kept}) == 2
    for row in kept:
        assert bytes.fromhex(row["fingerprint"][2:]) != ONE
        assert b"once" not in bytes.fromhex(row["answer"][2:])


async def test_an_answer_opens_for_its_own_key_alone(academy: Academy) -> None:
    await answered(academy, "k")
    await answered(academy, "l")
    async with academy.work() as work:
        (moved,) = [row["answer"] for row in await academy.rows("idempotency") if row["key"] == "l"]
        await repository.keep(work.session, idempotency._actor(work), "k", bytes.fromhex(moved[2:]))
    with pytest.raises(BrokenSealError):
        async with academy.work() as work:
            await idempotency.take(work, "k", ONE, secret=SECRET)


async def test_under_another_secret_nothing_is_done_again(academy: Academy) -> None:
    await answered(academy)
    with pytest.raises(IdempotencyKeyReusedError):
        async with academy.work() as work:
            await idempotency.take(work, "k", ONE, secret=ANOTHER)


async def test_a_key_is_its_organizations_own(academy: Academy, rival: Academy) -> None:
    await answered(academy)
    await answered(rival, answer=b"else")

    async with academy.work() as work:
        assert await idempotency.take(work, "k", ONE, secret=SECRET) == b"done"


async def test_what_was_rolled_back_leaves_the_key_free(academy: Academy) -> None:
    async def interrupted() -> None:
        async with academy.work() as work:
            await idempotency.take(work, "k", ONE, secret=SECRET)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await interrupted()

    await answered(academy)


async def test_who_comes_meanwhile_waits_for_the_answer(academy: Academy) -> None:
    async def second() -> bytes | None:
        async with academy.work() as work:
            return await idempotency.take(work, "k", ONE, secret=SECRET)

    async with academy.work() as work:
        await idempotency.take(work, "k", ONE, secret=SECRET)
        waiting = asyncio.create_task(second())

        async def waits() -> bool:
            return bool(await work.session.fetch_value(WAITING))

        await until(waits)
        await idempotency.keep(work, "k", b"done", secret=SECRET)

    assert await waiting == b"done"


async def test_an_old_answer_is_none_and_is_deleted(academy: Academy, monkeypatch: Any) -> None:
    await answered(academy, "old")
    await answered(academy, "older")
    monkeypatch.setattr(idempotency, "KEPT", -1.0)

    async with academy.work() as work:
        assert await idempotency.take(work, "old", OTHER, secret=SECRET) is None
    async with academy.work() as work:
        assert await idempotency.forget_old(work) == 2
    assert await academy.rows("idempotency") == []


@pytest.mark.parametrize("key", ["", "a b", "\0", "é", "x" * 256])
def test_what_is_no_key(key: str) -> None:
    with pytest.raises(BadRequestError):
        idempotency.accepted(key)
