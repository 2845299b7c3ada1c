import secrets
from typing import Any
from uuid import UUID

import msgspec
import pytest

from academy import Academy
from harka.errors import ConflictError, ForbiddenError, NotFoundError, ValidationError
from harka.ids import new_id
from harka.learning import content, course, lesson, unlock
from harka.learning.content import LONGEST_TEXT, LONGEST_VIDEO, MOST_ITEMS, ContentChanges, ContentDraft
from harka.learning.course import CourseDraft
from harka.learning.outline import LessonOutline, ModuleOutline
from harka.learning.unlock import UnlockRules
from harka.repositories.content import ContentItem
from harka.repositories.lesson import Lesson
from harka.tenancy.context import TenantContext
from harka.tenancy.permission import Permission

TEXT = ContentDraft(kind="text", title="Read", text="Words")
VIDEO = ContentDraft(kind="video", title="Watch", url="https://example.com/a?b=c#d", duration_seconds=90)
LINK = ContentDraft(kind="link", title="Follow", url="https://example.com", text="Why")


async def lessons_of(academy: Academy) -> list[Lesson]:
    """One in each of two modules of a published course."""
    modules = ModuleOutline("A", (LessonOutline("a"),)), ModuleOutline("B", (LessonOutline("b"),))
    draft = CourseDraft(title="X", code=secrets.token_hex(4), modules=modules, published=True)
    async with academy.work() as work:
        of = await course.create(work, draft)
    return list(await academy.lessons(of))


async def shown(academy: Academy, *lessons: Lesson, context: TenantContext | None = None) -> list[list[str]]:
    """The titles, by lesson; the places have no gaps."""
    async with academy.work(context, read_only=True) as work:
        found = await content.by_lesson(work, [each.id for each in lessons])
    items = [list(found.get(each.id, [])) for each in lessons]
    assert all([item.position for item in each] == list(range(len(each))) for each in items)
    return [[item.title for item in each] for each in items]


async def add(academy: Academy, to: Lesson, *drafts: ContentDraft) -> list[ContentItem]:
    made = []
    for draft in drafts:
        async with academy.work() as work:
            made.append(await content.create(work, to.id, draft))
    return made


async def test_content_comes_in_order_for_many_lessons_in_one_statement(academy: Academy) -> None:
    one, two = await lessons_of(academy)
    text, video, link = await add(academy, one, TEXT, VIDEO, LINK)
    # the lesson, the course held, the lesson touched, a count, the item
    assert academy.statements == 5
    await add(academy, two, LINK)
    assert await shown(academy, one, two) == [["Read", "Watch", "Follow"], ["Follow"]]
    assert academy.statements == 1
    assert (text.text, text.url, text.duration_seconds) == ("Words", None, None)
    assert (video.url, video.duration_seconds, link.text) == (VIDEO.url, 90, "Why")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"kind": "song"}, "kind"),
        ({"title": ""}, "title"),
        ({"title": "X" * 201}, "title"),
        ({"text": " "}, "text"),
        ({"text": "X" * (LONGEST_TEXT + 1)}, "text"),
        ({"text": "X\0"}, "text"),
        ({"url": "https://example.com"}, "url"),
        ({"duration_seconds": 1}, "durationSeconds"),
        ({"kind": "video"}, "url"),
        ({"kind": "link", "url": "http://example.com"}, "url"),
        ({"kind": "link", "url": "javascript:alert(1)"}, "url"),
        ({"kind": "link", "url": "https://example.com", "duration_seconds": 1}, "durationSeconds"),
        ({"kind": "video", "url": "https://example.com", "duration_seconds": -1}, "durationSeconds"),
        (
            {"kind": "video", "url": "https://a.example", "duration_seconds": LONGEST_VIDEO + 1},
            "durationSeconds",
        ),
    ],
)
async def test_what_cannot_be_content_is_refused_by_field(
    academy: Academy, given: dict[str, Any], field: str
) -> None:
    one, _ = await lessons_of(academy)
    with pytest.raises(ValidationError) as refused:
        async with academy.work() as work:
            await content.create(work, one.id, msgspec.structs.replace(TEXT, **given))
    assert (refused.value.field, academy.statements) == (field, 0)


async def test_a_lesson_has_only_so_much(academy: Academy) -> None:
    one, _ = await lessons_of(academy)
    async with academy.work() as work:
        for _ in range(MOST_ITEMS):
            await content.create(work, one.id, TEXT)
    with pytest.raises(ValidationError) as refused:
        await add(academy, one, TEXT)
    assert refused.value.field == "lessonId"


async def test_only_what_is_given_changes_once_for_a_version(academy: Academy) -> None:
    one, _ = await lessons_of(academy)
    (video,) = await add(academy, one, VIDEO)
    async with academy.work() as work:
        changed = await content.update(work, video.id, ContentChanges(duration_seconds=None), version=1)
    assert (changed.title, changed.url, changed.duration_seconds, changed.version) == (
        *("Watch", VIDEO.url, None, 2),
    )
    assert academy.statements == 4
    with pytest.raises(ConflictError):
        async with academy.work() as work:
            await content.update(work, video.id, ContentChanges(title="New"), version=1)
    for changes in (ContentChanges(url=None), ContentChanges(url="data:text/html,x")):
        with pytest.raises(ValidationError):
            async with academy.work() as work:
                await content.update(work, video.id, changes, version=2)


async def test_content_is_put_into_order_and_taken_away(academy: Academy) -> None:
    one, two = await lessons_of(academy)
    items = [each.id for each in await add(academy, one, TEXT, VIDEO, LINK)]
    (foreign,) = await add(academy, two, TEXT)
    async with academy.work() as work:
        await content.reorder(work, one.id, items[::-1], version=4)
    assert await shown(academy, one) == [["Follow", "Watch", "Read"]]
    before = await academy.state()
    for ids in ([], items[:2], [*items, foreign.id], [*items[:2], foreign.id], [items[0]] * 3):
        with pytest.raises(ValidationError) as refused:
            async with academy.work() as work:
                await content.reorder(work, one.id, ids, version=5)
        assert refused.value.field == "contentItemIds"
    with pytest.raises(ConflictError):
        async with academy.work() as work:
            await content.reorder(work, one.id, items, version=4)
    with pytest.raises(ConflictError):
        async with academy.work() as work:
            await content.delete(work, items[2], version=1)
    assert await academy.state() == before
    async with academy.work() as work:
        await content.delete(work, items[2], version=2)
    assert await shown(academy, one, two) == [["Watch", "Read"], ["Read"]]


async def test_content_is_for_who_takes_the_course_who_looks_after_them_and_authors(
    academy: Academy, rival: Academy
) -> None:
    one, _ = await lessons_of(academy)
    (item,) = await add(academy, one, TEXT)
    learner, stranger, instructor, manager = [
        await academy.user(role) for role in ("learner", "learner", "instructor", "manager")
    ]
    (of,) = await academy.rows("course")
    async with academy.work(read_only=True) as work:
        found = (await course.find_many(work, [UUID(of["id"])]))[UUID(of["id"])]
    await academy.enrollment(learner, found)
    seen = {
        True: [
            *map(academy.acting, (learner, instructor, manager)),
            academy.key(Permission.COURSE_READ, Permission.ENROLLMENT_READ),
        ],
        False: [academy.acting(stranger), academy.key(Permission.COURSE_READ)],
    }
    for sees, contexts in seen.items():
        for context in contexts:
            assert await shown(academy, one, context=context) == [["Read"] if sees else []]
            async with academy.work(context, read_only=True) as work:
                assert (item.id in await content.find_many(work, [item.id])) is sees
    assert await shown(rival, one) == [[]]


async def test_locked_content_is_absent_until_the_module_opens(academy: Academy) -> None:
    one, two = await lessons_of(academy)
    (item,) = await add(academy, two, TEXT)
    await add(academy, one, TEXT)
    learner = await academy.user()
    async with academy.work(read_only=True) as work:
        of = (await course.find_many(work, [one.course_id]))[one.course_id]
    await academy.enrollment(learner, of)
    async with academy.work() as work:
        await unlock.set_rules(work, two.module_id, UnlockRules(requires=[one.module_id]), version=1)
    context = academy.acting(learner)
    assert await shown(academy, one, two, context=context) == [["Read"], []]
    # who takes what, what is closed, the items
    assert academy.statements == 3
    async with academy.work(context, read_only=True) as work:
        assert await content.find_many(work, [item.id]) == {}
    async with academy.work() as work:
        await unlock.set_rules(work, two.module_id, UnlockRules(), version=2)
    assert await shown(academy, one, two, context=context) == [["Read"], ["Read"]]


async def test_content_goes_with_its_lesson(academy: Academy) -> None:
    one, _ = await lessons_of(academy)
    await add(academy, one, TEXT)
    async with academy.work() as work:
        await lesson.delete(work, one.id, version=2)
    assert await academy.rows("content_item") == []


async def test_who_may_not_write_courses_or_is_elsewhere_changes_nothing(
    academy: Academy, rival: Academy
) -> None:
    one, _ = await lessons_of(academy)
    (item,) = await add(academy, one, TEXT)
    instructor = academy.acting(await academy.user("instructor"))
    before = await academy.state()
    for where, context, error in (
        (academy, instructor, ForbiddenError),
        (rival, rival.operator, NotFoundError),
    ):
        for change in (
            lambda work: content.create(work, one.id, TEXT),
            lambda work: content.update(work, item.id, ContentChanges(title="X"), version=1),
            lambda work: content.reorder(work, one.id, [item.id], version=2),
            lambda work: content.delete(work, item.id, version=1),
        ):
            with pytest.raises(error):
                async with where.work(context) as work:
                    await change(work)
    assert await academy.state() == before
    with pytest.raises(NotFoundError):
        async with academy.work() as work:
            await content.delete(work, new_id(), version=1)
    async with academy.work() as work:
        await course.archive(work, one.course_id)
    with pytest.raises(ConflictError, match="archived"):
        await add(academy, one, TEXT)
