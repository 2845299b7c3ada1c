from collections.abc import Sequence
from uuid import UUID

import pytest

from academy import Academy
from harka.errors import ValidationError
from harka.ids import new_id
from harka.learning import course, lesson, module, path, search, user
from harka.learning.course import CourseChanges, CourseDraft
from harka.learning.outline import LessonOutline, ModuleOutline
from harka.learning.path import PathDraft
from harka.learning.user import UserChanges, UserDraft
from harka.repositories.course import Course
from harka.repositories.search import SearchKind
from harka.repositories.user import User
from harka.tenancy.context import TenantContext
from harka.tenancy.permission import Permission


async def people(academy: Academy, *names: str) -> list[User]:
    drafts = [UserDraft(name=name, email=f"{new_id().hex}@example.com") for name in names]
    async with academy.work() as work:
        return await user.create_many(work, drafts)


async def taught(academy: Academy, title: str, *lessons: str, published: bool = True) -> Course:
    outline = (ModuleOutline("M", tuple(LessonOutline(each) for each in lessons)),)
    draft = CourseDraft(title=title, code=new_id().hex, modules=outline, published=published)
    async with academy.work() as work:
        return await course.create(work, draft)


async def found(
    academy: Academy, typed: str, as_: TenantContext | None = None, kinds: Sequence[str] = tuple(SearchKind)
) -> list[UUID]:
    async with academy.work(as_, read_only=True) as work:
        return [hit.id for hit in await search.find(work, typed, kinds=kinds)]


@pytest.mark.parametrize(
    ("typed", "place"),
    [
        ("Grace Hopper", 0),
        ("hopper, grace", 0),
        ("hop gra", 0),
        ("hoper", 0),
        ("grcae", 0),
        ("hoppwr", 0),
        ("hopperr", 0),
        ("Lukasiewicz", 1),
        ("ŁUKASIEWICZ", 1),
        # a letter of its own, no accent
        ("lukaszewic", 1),
        ("José", 2),
        ("jose", 2),
        ("أدا", 3),
        ("李小龍", 4),
        ("李", 4),
    ],
)
async def test_somebody_is_found_by_what_people_type(academy: Academy, typed: str, place: int) -> None:
    names = ("Grace Hopper", "Jan Lukasiewicz", "José Núñez", "أدا لوفلايس 👩‍💻", "李小龍")
    everybody = await people(academy, *names)
    assert await found(academy, typed) == [everybody[place].id]


@pytest.mark.parametrize("typed", ["", "  ", "👩‍💻", "...", "grace lovelace", "xyz", "gr4ce", "grxce hoxxer"])
async def test_nothing_is_found_for_what_nobody_is_called(academy: Academy, typed: str) -> None:
    await people(academy, "Grace Hopper")
    assert await found(academy, typed) == []


@pytest.mark.parametrize("typed", ["x" * 201, "a\0b", "\ud800"])
async def test_what_no_text_can_be_is_refused(academy: Academy, typed: str) -> None:
    async with academy.work() as work:
        with pytest.raises(ValidationError) as refused:
            await search.find(work, typed)
    assert refused.value.field == "query"


async def test_the_best_come_first(academy: Academy) -> None:
    typo, begun, *whole = await people(academy, "Anno", "Annabel", "Anna", "Anna")
    async with academy.work() as work:
        hits = await search.find(work, "Anna")
    assert [hit.id for hit in hits] == [*sorted(each.id for each in whole), begun.id, typo.id]
    assert [hit.score for hit in hits] == [1, 1, 0.75, 0.5]
    assert search.page(hits, after=(hits[0].place, hits[0].id), first=2) == hits[1:3]


async def test_somebody_is_found_by_their_address(academy: Academy) -> None:
    async with academy.work() as work:
        drafts = [UserDraft(name="N", email=f"{name}.king@example.com") for name in ("ada", "bob")]
        ada, _ = await user.create_many(work, drafts)
    assert await found(academy, "ada.king@example.com") == [ada.id]
    # what all have in common finds nobody
    assert await found(academy, "example") == []


async def test_what_is_found_changes_with_the_texts(academy: Academy, rival: Academy) -> None:
    (somebody,) = await people(academy, "Grace Murray")
    (namesake,) = await people(rival, "Grace Murray")
    async with academy.work() as work:
        await user.update(work, somebody.id, UserChanges(name="Grace Hopper"), version=1)
    assert await found(academy, "murray") == await found(academy, "muray") == []
    assert await found(academy, "hopper") == await found(academy, "grace") == [somebody.id]
    assert await found(rival, "grace murray") == [namesake.id]
    spelled = {row["word"] for row in await academy.rows("search_spelling")}
    assert {"grace", "hopper"} <= spelled
    assert "murray" not in spelled


async def test_what_is_deleted_is_not_found(academy: Academy) -> None:
    made = await taught(academy, "Botany", "Ferns", "Mosses", published=False)
    fern, moss = await academy.lessons(made)
    assert await found(academy, "ferns") == [fern.id]
    async with academy.work() as work:
        await lesson.delete(work, fern.id, version=1)
    assert await found(academy, "ferns") == []
    async with academy.work() as work:
        parent = (await module.find_many(work, [moss.module_id]))[moss.module_id]
        await module.delete(work, parent.id, version=parent.version)
    assert await found(academy, "mosses") == []
    async with academy.work() as work:
        now = (await course.find_many(work, [made.id]))[made.id]
        await course.update(work, made.id, CourseChanges(title="Zoology"), version=now.version)
    assert await found(academy, "botany") == []
    assert await found(academy, "zoolgy") == [made.id]


async def test_a_reader_finds_what_their_lists_show(academy: Academy) -> None:
    learner, instructor = await academy.user(), await academy.user("instructor")
    (namesake,) = await people(academy, "Fern")
    shown = await taught(academy, "Fern", "Fern")
    hidden = await taught(academy, "Fern draft", "Fern draft", published=False)
    closed = await taught(academy, "Fern old", "Fern old")
    await academy.enrollment(learner, closed)
    async with academy.work() as work:
        await course.archive(work, closed.id)
    lessons = {of.id: (await academy.lessons(of))[0].id for of in (shown, hidden, closed)}
    visible = {shown.id, closed.id, lessons[shown.id], lessons[closed.id]}

    assert set(await found(academy, "fern", academy.acting(learner))) == visible
    assert set(await found(academy, "fern")) == visible | {hidden.id, lessons[hidden.id], namesake.id}
    not_in_it = {shown.id, lessons[shown.id], namesake.id}
    assert set(await found(academy, "fern", academy.acting(instructor))) == not_in_it
    assert await found(academy, "fern", academy.key(Permission.USER_READ)) == [namesake.id]
    assert await found(academy, "fern", academy.key(Permission.ANALYTICS_READ)) == []


async def test_only_the_kinds_that_were_asked_for_are_found(academy: Academy) -> None:
    (somebody,) = await people(academy, "Fern")
    made = await taught(academy, "Fern", "Fern")
    assert await found(academy, "fern", kinds=["user"]) == [somebody.id]
    assert await found(academy, "fern", kinds=["course"]) == [made.id]


async def test_a_search_is_two_statements(academy: Academy) -> None:
    await people(academy, *(f"Fern {n}" for n in range(300)))
    assert len(await found(academy, "fren fern")) == search.MOST_HITS
    assert academy.statements == 2


async def test_paths_are_found_by_who_may_see_them(academy: Academy) -> None:
    subject, person = await academy.course(), await academy.user()
    async with academy.work() as work:
        way = await path.create(work, PathDraft(title="Leadership journey", course_ids=[subject.id]))
    assert await found(academy, "leadrship") == [way.id]
    assert await found(academy, "journey", academy.acting(person)) == []
    async with academy.work() as work:
        await path.publish(work, way.id)
    assert await found(academy, "journey", academy.acting(person)) == [way.id]
    assert await found(academy, "journey", kinds=["course"]) == []
