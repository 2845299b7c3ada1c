import contextlib
from datetime import timedelta
from uuid import UUID

import msgspec
import pytest

from academy import Academy
from harka import clock
from harka.errors import ConflictError, ForbiddenError, HarkaError
from harka.ids import earliest_id, new_id
from harka.learning import bulk_enrollment, course, enrollment, event, progress, user
from harka.learning.bulk_enrollment import OnError
from harka.learning.course import CourseChanges
from harka.learning.user import UserChanges, UserDraft
from harka.learning.work import UnitOfWork
from harka.repositories.event import EventType
from harka.storage.statement import Statement
from harka.tenancy.permission import Permission

# written anew, for nobody may change one
AGE = Statement(
    "test.age",
    """WITH gone AS (DELETE FROM {schema}.event WHERE tenant_id = $1 AND id = $3::uuid RETURNING *)
    INSERT INTO {schema}.event (tenant_id, id, xid, type, subject_id, actor_kind, actor_id)
    SELECT tenant_id, $2::uuid, xid, type, subject_id, actor_kind, actor_id FROM gone""",
)
CHANGE = Statement("test.change", "UPDATE {schema}.event SET type = 'user.deleted' WHERE tenant_id = $1")


async def told(academy: Academy) -> list[tuple[str, str]]:
    """Type and subject of every event, in order."""
    rows = await academy.rows("event")
    return [(row["type"], row["subject_id"]) for row in sorted(rows, key=lambda row: row["id"])]


async def test_what_happens_in_a_unit_is_told_in_its_order(academy: Academy) -> None:
    async with academy.work() as work:
        ada = await user.create(work, UserDraft(email="ada@example.com", name="Ada"))
        await user.update(work, ada.id, UserChanges(name="Ada L."), version=1)
        await user.deactivate(work, ada.id)
    assert await told(academy) == [
        ("user.created", str(ada.id)),
        ("user.updated", str(ada.id)),
        ("user.deactivated", str(ada.id)),
    ]
    assert [row["fields"] for row in await academy.rows("event")] == [[], ["name"], []]


async def test_a_course_from_its_beginning_to_its_end(academy: Academy) -> None:
    made = await academy.course(weights=(1,))
    async with academy.work() as work:
        await course.update(work, made.id, CourseChanges(title="Another", seats=5), version=1)
        await course.publish(work, made.id)
        await course.archive(work, made.id)
        await course.archive(work, made.id)
    types = [type_ for type_, _ in await told(academy)]
    assert types == ["course.created", "course.updated", "course.archived"]


async def test_completion_and_certificate_are_told_once(academy: Academy) -> None:
    """Progress that changes nothing, or comes after, tells nothing."""
    taken = await academy.course(weights=(1,), certifies=True)
    learner = await academy.user()
    enrolled = await academy.enrollment(learner, taken)
    (lesson,) = await academy.lessons(taken)
    for _ in range(2):
        async with academy.work(academy.acting(learner)) as work:
            await progress.record(work, enrollment_id=enrolled.id, lesson_id=lesson.id, fraction=1.0)
    async with academy.work() as work:
        await progress.recount(work, taken.id)
    rows = [
        row for row in await academy.rows("event") if row["type"].split(".")[1] in {"completed", "issued"}
    ]
    assert sorted(row["type"] for row in rows) == ["certificate.issued", "enrollment.completed"]
    (done,) = [row for row in rows if row["type"] == "enrollment.completed"]
    assert (done["subject_id"], done["user_id"], done["course_id"], done["actor_id"]) == (
        str(enrolled.id),
        str(learner.id),
        str(taken.id),
        str(learner.id),
    )


async def test_many_are_told_by_one_statement_behind_which_the_commit_goes(academy: Academy) -> None:
    taken = await academy.course()
    people = [await academy.user() for _ in range(3)]

    async def statements(ids: list[UUID]) -> int:
        async with academy.work() as work:
            await bulk_enrollment.enroll(work, taken.id, ids, on_error=OnError.REJECT_EVERYTHING)
            before = work.session.statements
        return work.session.statements - before

    assert await statements([people[0].id]) == await statements([each.id for each in people]) == 1
    # who was enrolled already is not told of again
    assert [type_ for type_, _ in await told(academy)].count("enrollment.created") == 3


async def test_what_a_savepoint_undid_is_not_told(academy: Academy) -> None:
    async def fail(work: UnitOfWork) -> None:
        async with work.savepoint():
            await user.create(work, UserDraft(email="b@example.com", name="B"))
            raise ConflictError

    async with academy.work() as work:
        kept = await user.create(work, UserDraft(email="a@example.com", name="A"))
        with pytest.raises(ConflictError):
            await fail(work)
    assert await told(academy) == [("user.created", str(kept.id))]


async def test_what_a_unit_undid_is_not_told(academy: Academy) -> None:
    with contextlib.suppress(ConflictError):
        async with academy.work() as work:
            await user.create(work, UserDraft(email="a@example.com", name="A"))
            raise ConflictError
    assert await told(academy) == []


async def test_events_are_for_who_sees_everybody(academy: Academy) -> None:
    bound = academy.managing(await academy.user("admin"))
    # whatever else they may do
    manager = msgspec.structs.replace(bound, permissions=frozenset(Permission))
    assert Permission.EVENT_READ not in bound.permissions
    for context in (academy.key(*set(Permission) - {Permission.EVENT_READ}), manager):
        async with academy.work(context, read_only=True) as work:
            with pytest.raises(ForbiddenError):
                await event.list_page(work, after=None, first=1)
            with pytest.raises(ForbiddenError):
                await event.count(work)
            with pytest.raises(ForbiddenError):
                await event.find_many(work, [new_id()])


async def test_another_tenants_events_are_not_there(academy: Academy, rival: Academy) -> None:
    await academy.course()
    async with academy.work(read_only=True) as work:
        ids = [UUID(row["id"]) for row in await academy.rows("event")]
    assert ids
    async with rival.work(read_only=True) as work:
        assert await event.count(work) == 0
        assert dict(await event.find_many(work, ids)) == {}


async def test_old_ones_are_forgotten(academy: Academy) -> None:
    await academy.course()
    await academy.course()
    first, second = [UUID(row["id"]) for row in await academy.rows("event")]
    old = earliest_id(clock.now() - timedelta(days=event.DAYS_KEPT, minutes=1))
    async with academy.work() as work:
        await work.session.execute(AGE, old, first)
        assert await event.forget_old(work) == 1
    assert [row["id"] for row in await academy.rows("event")] == [str(second)]


async def test_withdrawal_is_told_once(academy: Academy) -> None:
    enrolled = await academy.enrollment(await academy.user(), await academy.course())
    async with academy.work() as work:
        await enrollment.unenroll(work, enrolled.id)
        await enrollment.unenroll(work, enrolled.id)
    types = [type_ for type_, _ in await told(academy)]
    assert types.count(EventType.ENROLLMENT_WITHDRAWN) == 1


async def test_what_has_happened_is_not_changed(academy: Academy) -> None:
    await academy.course(weights=(1,))
    before = await academy.rows("event")
    with pytest.raises(HarkaError):
        async with academy.work() as work:
            await work.session.execute(CHANGE)
    assert before
    assert await academy.rows("event") == before
