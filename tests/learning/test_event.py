import contextlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from academy import Academy
from harka import clock
from harka.errors import ConflictError, CursorExpiredError, ForbiddenError, HarkaError
from harka.ids import earliest_id, new_id
from harka.learning import (
    bulk_enrollment,
    category,
    course,
    enrollment,
    event,
    group,
    group_manager,
    group_member,
    invitation,
    own_enrollment,
    path,
    path_enrollment,
    progress,
    user,
    viewer,
)
from harka.learning.bulk_enrollment import OnError
from harka.learning.course import CourseChanges, CourseDraft
from harka.learning.group import GroupChanges
from harka.learning.invitation import InvitationDraft
from harka.learning.path import PathChanges, PathDraft
from harka.learning.user import UserChanges, UserDraft
from harka.learning.viewer import ViewerChanges
from harka.learning.work import UnitOfWork
from harka.repositories.event import IN_LINE, Event, EventType
from harka.repositories.page import Order, OrderDirection, position_of
from harka.storage.statement import Statement
from harka.tenancy.permission import Permission

BACKWARDS = Order("xid", OrderDirection.DESC)
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


async def in_line(academy: Academy, wanted: int) -> Sequence[Event]:
    """Once they are shown: tests beside this one have transactions under way."""
    while True:
        async with academy.work(read_only=True) as work:
            found = await event.list_page(work, after=None, first=10)
        if len(found) == wanted:
            return found


async def concerning(academy: Academy, subject: UUID) -> list[tuple[str, str | None]]:
    """Type and person of every event of an object, in order."""
    rows = [row for row in await academy.rows("event") if row["subject_id"] == str(subject)]
    return [(row["type"], row["user_id"]) for row in sorted(rows, key=lambda row: row["id"])]


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
    # what an open one has become is published again
    assert types == ["course.created", "course.updated", "course.published", "course.archived"]


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


async def test_a_group_its_people_and_who_manages_it(academy: Academy) -> None:
    """Who is in it already, or manages it, is not told of again."""
    one, two, boss = await academy.user(), await academy.user(), await academy.user("admin")
    async with academy.work() as work:
        made = await group.create(work, name="Team")
        await group.update(work, made.id, GroupChanges(name="Crew"), version=1)
        await group_member.add(work, made.id, [one.id])
        await group_member.add(work, made.id, [one.id, two.id])
        await group_member.remove(work, made.id, [one.id])
        await group_member.remove(work, made.id, [one.id])
        await group_member.leave_all(work, two.id)
        for _ in range(2):
            await group_manager.assign(work, made.id, boss.id)
        for _ in range(2):
            await group_manager.unassign(work, made.id, boss.id)
        await group.delete(work, made.id)
    assert await concerning(academy, made.id) == [
        ("group.created", None),
        ("group.updated", None),
        ("group.member_added", str(one.id)),
        ("group.member_added", str(two.id)),
        ("group.member_removed", str(one.id)),
        ("group.member_removed", str(two.id)),
        ("group.manager_assigned", str(boss.id)),
        ("group.manager_unassigned", str(boss.id)),
        ("group.deleted", None),
    ]


async def test_a_learning_path_and_who_is_on_it(academy: Academy) -> None:
    taken, learner, other = await academy.course(weights=(1,)), await academy.user(), await academy.user()
    async with academy.work() as work:
        way = await path.create(work, PathDraft(title="Way", course_ids=[taken.id]))
        await path.update(work, way.id, PathChanges(course_ids=[taken.id]), version=way.version)
        for _ in range(2):
            await path.publish(work, way.id)
        on = [
            (await path_enrollment.enroll(work, path_id=way.id, user_id=each.id)).enrollment
            for each in (learner, other, other)
        ]
        for _ in range(2):
            await path_enrollment.withdraw(work, on[1].id)
        for _ in range(2):
            await path.archive(work, way.id)
    enrolled = await academy.enrollment(learner, taken)
    (lesson,) = await academy.lessons(taken)
    async with academy.work(academy.acting(learner)) as work:
        await progress.record(work, enrollment_id=enrolled.id, lesson_id=lesson.id, fraction=1.0)
    steps = ("created", "updated", "published", "archived")
    assert await concerning(academy, way.id) == [(f"learning_path.{step}", None) for step in steps]
    for person, row, end in ((learner, on[0], "completed"), (other, on[1], "withdrawn")):
        assert await concerning(academy, row.id) == [
            (f"learning_path_enrollment.{step}", str(person.id)) for step in ("created", end)
        ]
    # what it opened is told, too
    assert EventType.ENROLLMENT_CREATED in [type_ for type_, _ in await told(academy)]


async def test_whoever_goes_on_from_before_what_is_forgotten_is_told(
    academy: Academy, rival: Academy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of what they asked for: a program that waits for what is rare misses nothing while the rest goes."""
    async with academy.work() as work:
        kind = await category.create(work, "Kind")
        await group.create(work, name="Team")
        await category.rename(work, kind.id, "Sort", version=1)
    first, _, last = [position_of(each, IN_LINE) for each in await in_line(academy, 3)]
    async with rival.work() as work:
        await category.create(work, "Theirs")
    (theirs,) = [position_of(each, IN_LINE) for each in await in_line(rival, 1)]
    monkeypatch.setattr(event, "DAYS_KEPT", -1)
    async with academy.work() as work:
        assert await event.forget_old(work) == 3
    async with academy.work(read_only=True) as work:
        for types in (None, ["group.created"], ["category.updated", "tag.created"]):
            with pytest.raises(CursorExpiredError):
                await event.list_page(work, after=first, first=1, types=types)
        for types in (["category.created"], ["tag.created"]):
            assert await event.list_page(work, after=first, first=1, types=types) == []
        assert await event.list_page(work, after=last, first=1) == []
        assert await event.list_page(work, after=None, first=1) == []
        # to the other end nothing comes after what is gone
        assert await event.list_page(work, after=first, first=1, order=BACKWARDS) == []
    async with rival.work(read_only=True) as work:
        assert await event.list_page(work, after=theirs, first=1) == []


async def test_who_reads_on_in_time_is_asked_for_nothing_more(academy: Academy) -> None:
    await academy.course()
    (told,) = await in_line(academy, 1)
    async with academy.work(read_only=True) as work:
        await event.list_page(work, after=position_of(told, IN_LINE), first=1)
        assert work.session.statements == 1


async def test_what_is_forgotten_last_is_how_far_it_is(academy: Academy, monkeypatch: Any) -> None:
    """However it comes, in whichever order: a place does not go back."""
    monkeypatch.setattr(event, "DAYS_KEPT", -1)
    monkeypatch.setattr(event, "_FORGOTTEN_AT_ONCE", 1)
    for _ in range(2):
        await academy.course()
    first, second = await in_line(academy, 2)
    for left in (1, 0):
        async with academy.work() as work:
            assert await event.forget_old(work) == 1
        assert len(await academy.rows("event")) == left
        (far,) = await academy.rows("event_horizon")
        assert far["id"] == str((second if left == 0 else first).id)


async def test_who_is_let_in_again_and_who_enrolls_themselves(academy: Academy) -> None:
    open_ = await academy.course(open_to_all=True)
    gone = await academy.user(status="inactive")
    async with academy.work() as work:
        for _ in range(2):
            await user.reactivate(work, gone.id)
    async with academy.work(academy.acting(await academy.user())) as work:
        mine = await own_enrollment.enroll(work, open_.id)
    assert await concerning(academy, gone.id) == [("user.reactivated", None)]
    assert [type_ for type_, _ in await concerning(academy, mine.enrollment.id)] == ["enrollment.created"]


async def test_who_comes_in_by_an_invitation_is_in_its_groups(academy: Academy) -> None:
    async with academy.work() as work:
        team, branch = [await group.create(work, name=name) for name in ("Team", "Branch")]
        first = await invitation.invite(work, InvitationDraft(email="a@example.com"))
        draft = InvitationDraft(
            email="a@example.com", role="admin", group_ids=[team.id], managed_group_ids=[branch.id]
        )
        second = await invitation.invite(work, draft)
    async with academy.work(academy.anonymous()) as work:
        _, person = await invitation.accept(work, second.token, name="Ada")
    taken_back = [("invitation.created", None), ("invitation.revoked", None)]
    assert await concerning(academy, first.invitation.id) == taken_back
    accepted = [("invitation.created", None), ("invitation.accepted", str(person.id))]
    assert await concerning(academy, second.invitation.id) == accepted
    assert ("group.member_added", str(person.id)) in await concerning(academy, team.id)
    assert ("group.manager_assigned", str(person.id)) in await concerning(academy, branch.id)


async def test_fields_are_told_as_readers_call_them(academy: Academy) -> None:
    person = await academy.user()
    async with academy.work() as work:
        kind = await category.create(work, "Kind")
        top, below = [await group.create(work, name=name) for name in ("Top", "Below")]
        taken = await course.create(work, CourseDraft(title="T", code="T"))
        await course.update(work, taken.id, CourseChanges(category_id=kind.id), version=1)
        await group.update(work, below.id, GroupChanges(parent_id=top.id), version=1)
    async with academy.work(academy.acting(person)) as work:
        await viewer.update(work, ViewerChanges(name="Grace"), version=person.version)
    rows = {row["type"]: row["fields"] for row in await academy.rows("event")}
    updated = ("course.updated", "group.updated", "user.updated")
    assert [rows[type_] for type_ in updated] == [["category"], ["parent"], ["name"]]


def test_every_type_names_what_it_happened_to() -> None:
    assert {each.partition(".")[0] for each in EventType} == set(event.SUBJECTS)


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
