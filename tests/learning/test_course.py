import asyncio
from typing import Any
from uuid import UUID

import pytest

from academy import Academy
from harka import clock
from harka.errors import (
    ConflictError,
    ForbiddenError,
    HarkaError,
    NotFoundError,
    UnauthenticatedError,
    ValidationError,
)
from harka.ids import new_id
from harka.learning import course, enrollment
from harka.learning.course import CourseChanges, CourseDraft
from harka.learning.outline import LessonKind, LessonOutline, ModuleOutline
from harka.queue.message import RECOUNT_COURSE
from harka.repositories.course import Course
from harka.repositories.enrollment_list import EnrollmentFilter
from harka.tenancy.context import TenantContext
from harka.tenancy.permission import Permission

OUTLINE = (
    ModuleOutline("One", (LessonOutline("Read"), LessonOutline("Watch", LessonKind.VIDEO, 12, 2.0))),
    ModuleOutline("Two"),
)


def draft(code: str = "INTRO 1", **values: Any) -> CourseDraft:
    return CourseDraft(**{"title": "Introduction", "code": code, "modules": OUTLINE} | values)


async def made(academy: Academy, **values: Any) -> Course:
    async with academy.work() as work:
        return await course.create(work, draft(**values))


async def test_a_course_is_made_with_its_outline(academy: Academy) -> None:
    created = await made(academy, title="  Ein Überblick 🎓 ", description="שלום\nמה שלומך")

    async with academy.work(read_only=True) as work:
        assert await course.find_many(work, [created.id]) == {created.id: created}
    lessons = await academy.lessons(created)
    assert (created.title, created.code, created.slug) == ("Ein Überblick 🎓", "INTRO 1", "intro-1")
    assert (created.status, created.version, created.published_at) == ("draft", 1, None)
    assert created.description == "שלום\nמה שלומך"
    assert [(at.position, at.title, at.kind, at.duration_minutes, at.weight) for at in lessons] == [
        (0, "Read", "reading", None, 1.0),
        (1, "Watch", "video", 12, 2.0),
    ]
    assert len(await academy.rows("module")) == 2


@pytest.mark.parametrize("size", [1, 60])
async def test_many_courses_cost_as_much_as_one(academy: Academy, size: int) -> None:
    async with academy.work() as work:
        created = await course.create_many(work, [draft(f"C{n}", published=True) for n in range(size)])

    assert academy.statements == 4
    assert [each.code for each in created] == [f"C{n}" for n in range(size)]
    assert {each.status for each in created} == {"published"}
    assert len(await academy.rows("lesson")) == 2 * size


async def test_a_code_without_a_latin_letter_gets_a_slug_all_the_same(academy: Academy) -> None:
    assert (await made(academy, code="数学")).slug != (await made(academy, code="物理")).slug


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"title": " "}, "title"),
        ({"title": "a\x00b"}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"title": "two\nlines"}, "title"),
        ({"title": "\ud800"}, "title"),
        ({"code": ""}, "code"),
        ({"code": "x" * 65}, "code"),
        ({"slug": "Not A Slug"}, "slug"),
        ({"slug": "double--hyphen"}, "slug"),
        ({"description": "x" * 10_001}, "description"),
        ({"description": "\x00"}, "description"),
        ({"modules": (), "published": True}, "modules"),
        ({"modules": (ModuleOutline(""),)}, "modules.0.title"),
        (
            {"modules": (ModuleOutline("A"), ModuleOutline("B", (LessonOutline(" "),)))},
            "modules.1.lessons.0.title",
        ),
        ({"modules": (ModuleOutline("A", (LessonOutline("L", "dance"),)),)}, "modules.0.lessons.0.kind"),
    ],
)
async def test_what_cannot_be_accepted_names_its_field(
    academy: Academy, values: dict[str, Any], field: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        await made(academy, **values)

    assert caught.value.field == field
    assert await academy.rows("course") == []


@pytest.mark.parametrize(
    ("values", "field"),
    [({}, "code"), ({"code": "OTHER", "slug": "intro-1"}, "slug"), ({"code": "intro 1"}, "slug")],
)
async def test_a_code_and_a_slug_are_given_once(academy: Academy, values: dict[str, Any], field: str) -> None:
    await made(academy)

    with pytest.raises(ValidationError) as caught:
        await made(academy, **values)

    assert caught.value.field == field


async def test_another_tenant_may_use_the_same_code(academy: Academy, rival: Academy) -> None:
    assert (await made(academy)).code == (await made(rival)).code


async def test_an_update_changes_what_it_names(academy: Academy) -> None:
    created = await made(academy, description="Old")

    async with academy.work() as work:
        changed = await course.update(work, created.id, CourseChanges(title="New", description=""), version=1)

    assert academy.statements == 1
    assert (changed.title, changed.description, changed.code, changed.version) == ("New", "", created.code, 2)
    assert changed.updated_at > created.updated_at


async def test_of_two_updates_at_once_one_must_read_again(academy: Academy) -> None:
    created = await made(academy)

    async def change(title: str) -> Course:
        async with academy.work() as work:
            return await course.update(work, created.id, CourseChanges(title=title), version=created.version)

    outcomes = await asyncio.gather(change("One"), change("Two"), return_exceptions=True)

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["ConflictError", "Course"]


async def test_an_update_can_collide_with_another_course(academy: Academy) -> None:
    await made(academy)
    other = await made(academy, code="OTHER")

    with pytest.raises(ValidationError) as caught:
        async with academy.work() as work:
            await course.update(work, other.id, CourseChanges(slug="intro-1"), version=1)

    assert caught.value.field == "slug"


async def test_publishing_opens_the_course_and_recounts_its_enrollments(academy: Academy) -> None:
    created = await made(academy)

    async with academy.work() as work:
        published = await course.publish(work, created.id, version=1)

    # the last: learning paths that it is on
    assert academy.statements == 4
    assert (published.status, published.version) == ("published", 2)
    assert (created.course_version, published.course_version) == (0, 1)
    assert published.published_at is not None
    jobs = await academy.rows("job")
    assert [(job["type"], job["payload"]) for job in jobs] == [
        (RECOUNT_COURSE, {"course_id": str(created.id)})
    ]


async def test_publishing_twice_changes_nothing(academy: Academy) -> None:
    created = await made(academy, published=True)
    state = await academy.state()

    async with academy.work() as work:
        assert await course.publish(work, created.id) == created

    assert await academy.state() == state


async def test_a_course_without_a_lesson_cannot_be_published(academy: Academy) -> None:
    created = await made(academy, modules=(ModuleOutline("Empty"),))
    state = await academy.state()

    with pytest.raises(ValidationError):
        async with academy.work() as work:
            await course.publish(work, created.id)

    assert await academy.state() == state


async def test_an_archived_course_stays_as_it_is_until_it_is_published_again(academy: Academy) -> None:
    created = await made(academy, published=True)
    async with academy.work() as work:
        archived = await course.archive(work, created.id, version=1)
        assert await course.archive(work, created.id) == archived
        with pytest.raises(ConflictError):
            await course.update(work, created.id, CourseChanges(title="New"), version=2)
        republished = await course.publish(work, created.id)

    assert archived.status == "archived"
    assert archived.archived_at is not None
    assert (republished.status, republished.archived_at) == ("published", None)
    assert (created.course_version, archived.course_version, republished.course_version) == (1, 1, 2)
    assert republished.published_at == created.published_at


@pytest.mark.parametrize("verb", ["update", "publish", "archive"])
async def test_a_stale_version_conflicts_and_an_unknown_course_is_not_found(
    academy: Academy, rival: Academy, verb: str
) -> None:
    created, foreign = await made(academy), await made(rival)
    state = await academy.state()

    for id_, version, error in (
        (created.id, 7, ConflictError),
        (new_id(), 1, NotFoundError),
        (foreign.id, 1, NotFoundError),
    ):
        with pytest.raises(error):
            await _write(academy, academy.operator, verb, id_, version)

    assert await academy.state() == state


@pytest.mark.parametrize("role", ["learner", "instructor", "anonymous", "key"])
async def test_only_authors_write(academy: Academy, role: str) -> None:
    created = await made(academy)
    context, error = await _context(academy, role)
    state = await academy.state()

    for verb in ("create", "create_many", "update", "publish", "archive"):
        with pytest.raises(error):
            await _write(academy, context, verb, created.id, 1)
        assert academy.statements == 0
    assert await academy.state() == state


async def _write(academy: Academy, context: TenantContext, verb: str, id_: UUID, version: int) -> None:
    async with academy.work(context) as work:
        match verb:
            case "create":
                await course.create(work, draft("NEW"))
            case "create_many":
                await course.create_many(work, [draft("NEW")])
            case "update":
                await course.update(work, id_, CourseChanges(title="New"), version=version)
            case "publish":
                await course.publish(work, id_, version=version)
            case _:
                await course.archive(work, id_, version=version)


async def _context(academy: Academy, role: str) -> tuple[TenantContext, type[HarkaError]]:
    if role == "anonymous":
        return academy.anonymous(), UnauthenticatedError
    if role == "key":
        return academy.key(*(set(Permission) - {Permission.COURSE_WRITE})), ForbiddenError
    return academy.acting(await academy.user(role)), ForbiddenError


async def test_learners_see_published_courses_and_those_they_are_enrolled_in(academy: Academy) -> None:
    learner = await academy.user()
    hidden, shown, kept, left = [await made(academy, code=f"C{n}", published=n > 0) for n in range(4)]
    for each in (kept, left):
        await academy.enrollment(learner, each)
    async with academy.work() as work:
        (gone,) = await enrollment.list_page(work, EnrollmentFilter(course_id=left.id), after=None, first=10)
        await enrollment.unenroll(work, gone.id)
        for each in (kept, left):
            await course.archive(work, each.id)
    everything = [hidden.id, shown.id, kept.id, left.id]

    async with academy.work(academy.acting(learner), read_only=True) as work:
        assert set(await course.find_many(work, everything)) == {shown.id, kept.id}
        assert [each.id for each in await course.list_page(work, after=None, first=10)] == [shown.id, kept.id]
        assert await course.count(work) == 2
        assert await course.count(work, status="archived") == 1
        assert set(await course.by_code(work, ["C0", "C1", "C2", "C3", "\x00"])) == {"C1", "C2"}
    async with academy.work(academy.acting(await academy.user("manager")), read_only=True) as work:
        assert set(await course.find_many(work, everything)) == set(everything)
        assert await course.count(work) == 4
    async with academy.work(academy.key(Permission.COURSE_READ), read_only=True) as work:
        assert set(await course.find_many(work, everything)) == {shown.id}


async def test_who_may_not_read_courses_is_told_so(academy: Academy) -> None:
    async with academy.work(academy.anonymous(), read_only=True) as work:
        with pytest.raises(UnauthenticatedError):
            await course.count(work)
    async with academy.work(academy.key(Permission.USER_READ), read_only=True) as work:
        with pytest.raises(ForbiddenError):
            await course.list_page(work, after=None, first=1)


async def test_pages_continue_after_the_last_row_whatever_is_inserted(academy: Academy) -> None:
    async with academy.work() as work:
        created = await course.create_many(work, [draft(f"C{n}") for n in range(5)])
    async with academy.work(read_only=True) as work:
        first = await course.list_page(work, after=None, first=2)
    await made(academy, code="LATER")
    async with academy.work(read_only=True) as work:
        rest = await course.list_page(work, after=(first[-1].created_at, first[-1].id), first=10)

    assert [each.id for each in [*first, *rest[:-1]]] == [each.id for each in created]
    assert rest[-1].code == "LATER"


async def test_nothing_is_found_in_another_tenant(academy: Academy, rival: Academy) -> None:
    created = await made(academy, published=True)

    async with rival.work(read_only=True) as work:
        assert await course.find_many(work, [created.id]) == {}
        assert await course.by_code(work, [created.code]) == {}
        assert await course.list_page(work, after=None, first=10) == []
        assert await course.count(work) == 0


async def test_a_publication_at_the_edge_of_an_update_is_not_lost(academy: Academy) -> None:
    created = await made(academy)
    async with academy.work() as work:
        changed = await course.update(work, created.id, CourseChanges(title="New"), version=1)
        published = await course.publish(work, created.id, version=changed.version)

    assert (published.title, published.status) == ("New", "published")
    assert published.published_at is not None
    assert published.published_at <= clock.now()
