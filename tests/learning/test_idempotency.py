import asyncio
from typing import Any

import pytest

from academy import Academy
from harka.errors import BadRequestError, IdempotencyKeyReusedError
from harka.learning import idempotency
from harka.storage.statement import Statement
from waiting import until

WAITING = Statement(
    "test.waiting",
    """SELECT count(*) FROM pg_locks WHERE NOT granted
      AND $1::uuid IS NOT NULL AND to_regclass('{schema}.course') IS NOT NULL""",
)
ONE, OTHER = bytes(32), bytes(31) + b"\1"


async def answered(academy: Academy, key: str = "k", answer: bytes = b"done") -> None:
    async with academy.work() as work:
        assert await idempotency.take(work, key, ONE) is None
        await idempotency.keep(work, key, answer)


async def test_the_second_time_there_is_the_first_answer(academy: Academy) -> None:
    await answered(academy)

    async with academy.work() as work:
        assert await idempotency.take(work, "k", ONE) == b"done"
        assert await idempotency.take(work, "another", ONE) is None


async def test_a_key_is_of_one_request(academy: Academy) -> None:
    await answered(academy)

    with pytest.raises(IdempotencyKeyReusedError):
        async with academy.work() as work:
            await idempotency.take(work, "k", OTHER)


async def test_a_key_is_its_organizations_own(academy: Academy, rival: Academy) -> None:
    await answered(academy)
    await answered(rival, answer=b"else")

    async with academy.work() as work:
        assert await idempotency.take(work, "k", ONE) == b"done"


async def test_what_was_rolled_back_leaves_the_key_free(academy: Academy) -> None:
    async def interrupted() -> None:
        async with academy.work() as work:
            await idempotency.take(work, "k", ONE)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await interrupted()

    await answered(academy)


async def test_who_comes_meanwhile_waits_for_the_answer(academy: Academy) -> None:
    async def second() -> bytes | None:
        async with academy.work() as work:
            return await idempotency.take(work, "k", ONE)

    async with academy.work() as work:
        await idempotency.take(work, "k", ONE)
        waiting = asyncio.create_task(second())

        async def waits() -> bool:
            return bool(await work.session.fetch_value(WAITING))

        await until(waits)
        await idempotency.keep(work, "k", b"done")

    assert await waiting == b"done"


async def test_an_old_answer_is_none_and_is_deleted(academy: Academy, monkeypatch: Any) -> None:
    await answered(academy, "old")
    await answered(academy, "older")
    monkeypatch.setattr(idempotency, "KEPT", -1.0)

    async with academy.work() as work:
        assert await idempotency.take(work, "old", OTHER) is None
    async with academy.work() as work:
        assert await idempotency.forget_old(work) == 2
    assert await academy.rows("idempotency") == []


@pytest.mark.parametrize("key", ["", "a b", "\0", "é", "x" * 256])
def test_what_is_no_key(key: str) -> None:
    with pytest.raises(BadRequestError):
        idempotency.accepted(key)
