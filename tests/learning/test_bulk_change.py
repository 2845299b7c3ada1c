"""Very many people in parts: each part is done once, and what becomes of each is written down."""

import asyncio
from typing import Any, TypeVar
from uuid import UUID

import msgspec
import pytest

from academy import Academy
from harka.errors import ForbiddenError, HarkaError, InvalidIdError, QueueLimitError, ValidationError
from harka.ids import new_id
from harka.learning import bulk_change
from harka.learning.bulk_change import EnrollLater, WriteLater
from harka.learning.bulk_enrollment import MOST
from harka.learning.bulk_user import UserEntry
from harka.learning.user import UserChanges
from harka.queue import sealing
from harka.repositories.bulk_change import BulkChange
from harka.repositories.course import Course
from harka.tenancy.context import TenantContext
from harka.tenancy.permission import Permission

KEY = bytes(32)

G = TypeVar("G", EnrollLater, WriteLater)


@pytest.fixture(autouse=True)
def _parts_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_change, "_PART", 2)


async def asked(
    academy: Academy,
    course: Course,
    *people: UUID | HarkaError,
    on_error: str = "reject_failed_rows",
    dry_run: bool = False,
    context: TenantContext | None = None,
) -> BulkChange:
    async with academy.work(context) as work:
        return await bulk_change.enroll_later(
            work, course.id, people, on_error=on_error, seal_key=KEY, dry_run=dry_run
        )


async def payload(academy: Academy, change: BulkChange, type_: type[G]) -> G:
    """As its job will have it."""
    (job,) = [each for each in await academy.rows("job") if each["id"] == str(change.job_id)]
    assert job["payload"] == {}, "nothing of it can be read"
    sealed = bytes.fromhex(job["sealed"].removeprefix("\\x"))
    opened = sealing.open_payload(KEY, sealed, tenant=academy.organization.id, job=change.job_id)
    return msgspec.convert(opened, type_)


async def part(academy: Academy, given: EnrollLater | WriteLater) -> tuple[int, str | None]:
    async with academy.work() as work:
        if isinstance(given, EnrollLater):
            standing = await bulk_change.enroll_part(work, given)
        else:
            standing = await bulk_change.write_part(work, given)
    return standing.done, standing.outcome


async def now(academy: Academy, change: BulkChange) -> BulkChange:
    async with academy.work(read_only=True) as work:
        return (await bulk_change.find_many(work, [change.id])).aligned([change.id])[0]  # type: ignore[return-value]  # it is there


async def told(academy: Academy) -> list[tuple[int, bool, str | None]]:
    rows = await academy.rows("bulk_result")
    return sorted((row["number"], row["created"], row["error_code"]) for row in rows)


def numbers(change: BulkChange) -> tuple[Any, ...]:
    return change.state, change.done, change.created, change.existing, change.failed


async def test_parts_go_on_where_the_last_one_ended(academy: Academy) -> None:
    course = await academy.course()
    one, two, there = [(await academy.user()) for _ in range(3)]
    await academy.enrollment(there, course)
    people = (one.id, InvalidIdError("Not an id.", field="userIds"), there.id, new_id(), two.id)
    change = await asked(academy, course, *people)
    assert numbers(change) == ("queued", 0, 0, 0, 0)
    given = await payload(academy, change, EnrollLater)
    assert [await part(academy, given) for _ in range(4)] == [
        *((2, None), (4, None), (5, "done")),
        # whoever comes again finds it done
        (5, "done"),
    ]
    assert await told(academy) == [
        *((0, True, None), (1, False, "INVALID_ID"), (2, False, None), (3, False, "NOT_FOUND")),
        (4, True, None),
    ]
    assert numbers(await now(academy, change)) == ("done", 5, 2, 1, 2)
    async with academy.work() as work:
        failed = await bulk_change.list_results(work, change.id, after=1, first=9, only_failed=True)
        assert [(each.number, each.error_field) for each in failed] == [(3, "userIds")]
        assert await bulk_change.count_results(work, change.id, only_failed=True) == 2


async def test_two_workers_at_once_do_no_part_twice(academy: Academy) -> None:
    course = await academy.course()
    people = [(await academy.user()).id for _ in range(6)]
    given = await payload(academy, await asked(academy, course, *people), EnrollLater)
    standings = await asyncio.gather(*(part(academy, given) for _ in range(3)), return_exceptions=True)
    done = [each for each in standings if isinstance(each, tuple)]
    assert len({each[0] for each in done}) == len(done)
    while (await part(academy, given))[1] is None:
        pass
    assert await told(academy) == [(number, True, None) for number in range(6)]


async def test_policies_mean_what_they_mean_for_few(academy: Academy) -> None:
    course = await academy.course()
    people = [(await academy.user()).id, (await academy.user()).id, (await academy.user()).id, new_id()]
    strict = await asked(academy, course, *people, on_error="reject_everything")
    assert await part(academy, await payload(academy, strict, EnrollLater)) == (4, "rejected")
    assert numbers(await now(academy, strict)) == ("rejected", 4, 0, 0, 1)
    dry = await asked(academy, course, *people, dry_run=True)
    assert await part(academy, await payload(academy, dry, EnrollLater)) == (4, "done")
    assert numbers(await now(academy, dry)) == ("done", 4, 3, 0, 1)
    assert await academy.rows("enrollment") == []
    async with academy.work() as work:
        assert await bulk_change.count_results(work, strict.id, only_failed=False) == 4
    silent = await asked(academy, course, *people, on_error="ignore_failed")
    given = await payload(academy, silent, EnrollLater)
    assert [await part(academy, given) for _ in range(2)] == [(2, None), (4, "done")]
    assert numbers(await now(academy, silent)) == ("done", 4, 3, 0, 1)
    async with academy.work() as work:
        assert await bulk_change.count_results(work, silent.id, only_failed=False) == 3


async def test_people_are_made_and_changed(academy: Academy) -> None:
    before = await academy.user()
    renamed = UserEntry(id=before.id, changes=UserChanges(name="Bea"))
    fresh = [UserEntry(changes=UserChanges(email="new@example.com", name="Ada")) for _ in range(2)]
    async with academy.work() as work:
        change = await bulk_change.write_later(
            work, [fresh[0], renamed, fresh[1], renamed], on_error="reject_failed_rows", seal_key=KEY
        )
    given = await payload(academy, change, WriteLater)
    assert [await part(academy, given) for _ in range(2)] == [(2, None), (4, "done")]
    # a part does not see the others: whose address or id was named before is refused all the same
    assert await told(academy) == [
        *((0, True, None), (1, False, None), (2, False, "VALIDATION_FAILED"), (3, False, "NOT_FOUND"))
    ]
    assert numbers(await now(academy, change)) == ("done", 4, 1, 1, 2)
    assert {row["name"] for row in await academy.rows('"user"')} == {"Ada", "Bea"}


async def test_everybody_sees_their_own_changes_and_who_reads_jobs_all(
    academy: Academy, rival: Academy
) -> None:
    course, boss = await academy.course(), await academy.user("manager")
    change = await asked(academy, course, new_id(), context=academy.acting(boss))
    await part(academy, await payload(academy, change, EnrollLater))
    stranger = academy.acting(await academy.user("manager"))
    for context, seen in (
        *((academy.acting(boss), 1), (academy.operator, 1), (academy.key(Permission.JOB_READ), 1)),
        *((stranger, 0), (academy.key(Permission.USER_WRITE), 0)),
    ):
        async with academy.work(context, read_only=True) as work:
            assert len(await bulk_change.find_many(work, [change.id])) == seen
            assert len(await bulk_change.list_page(work, after=None, first=9)) == seen
            assert await bulk_change.count(work) == seen
            assert (
                len(await bulk_change.list_results(work, change.id, after=-1, first=9, only_failed=False))
                == seen
            )
            assert await bulk_change.count_results(work, change.id, only_failed=False) == seen
    async with rival.work(read_only=True) as work:
        assert len(await bulk_change.find_many(work, [change.id])) == 0


async def test_who_manages_some_groups_sees_their_own_changes_whatever_they_may_read(
    academy: Academy,
) -> None:
    course, admin = await academy.course(), await academy.user("admin")
    theirs = await asked(academy, course, new_id())
    own = await asked(academy, course, new_id(), context=academy.acting(admin))
    assert Permission.JOB_READ in academy.managing(admin).permissions
    for context, seen in ((academy.acting(admin), {theirs.id, own.id}), (academy.managing(admin), {own.id})):
        async with academy.work(context, read_only=True) as work:
            assert (await bulk_change.find_many(work, [theirs.id, own.id])).keys() == seen
            listed = await bulk_change.list_page(work, after=None, first=9)
            assert {each.id for each in listed} == seen
            assert await bulk_change.count(work) == len(seen)
            results = await bulk_change.count_results(work, theirs.id, only_failed=False)
            assert results == 0


async def test_what_cannot_be_asked_is_refused(academy: Academy, monkeypatch: pytest.MonkeyPatch) -> None:
    course, draft = await academy.course(), await academy.course(published=False)
    with pytest.raises(ValidationError):
        await asked(academy, course, *[new_id()] * (MOST + 1))
    with pytest.raises(ValidationError):
        await asked(academy, draft, new_id())
    with pytest.raises(ForbiddenError):
        await asked(academy, course, new_id(), context=academy.key(Permission.USER_WRITE))
    async with academy.work(academy.key(Permission.ENROLLMENT_WRITE)) as work:
        with pytest.raises(ForbiddenError):
            await bulk_change.write_later(work, [], on_error="ignore_failed", seal_key=KEY)
    monkeypatch.setattr(bulk_change, "MOST_OPEN", 1)
    await asked(academy, course, new_id())
    with pytest.raises(QueueLimitError):
        await asked(academy, course, new_id())


async def test_changes_are_forgotten_with_their_results(
    academy: Academy, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = await asked(academy, await academy.course(), new_id())
    await part(academy, await payload(academy, change, EnrollLater))
    for kept, left in ((60.0, 1), (-1.0, 0)):
        monkeypatch.setattr(bulk_change, "KEPT", kept)
        async with academy.work() as work:
            await bulk_change.forget_old(work)
        assert len(await academy.rows("bulk_change")) == len(await academy.rows("bulk_result")) == left
