import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from academy import Academy
from harka.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    PlanLimitError,
    UnauthenticatedError,
    ValidationError,
)
from harka.files.store import FileStore
from harka.ids import new_id
from harka.learning import content, course_clone, file
from harka.learning.content import ContentDraft
from harka.learning.file import LARGEST, MOST_PENDING, FileStatus, UploadDraft
from harka.repositories import file as files
from harka.repositories.file import File, FileFilter
from harka.repositories.page import Order
from harka.storage.statement import Statement
from harka.tenancy.context import TenantContext
from harka.tenancy.permission import Permission
from harka.tenancy.plan import Plan, limits_of

TEXT = UploadDraft(name="Notes.txt", size=5, media_type="text/plain")
LIMIT = limits_of(Plan.GROWTH).storage_bytes
OVERDUE = Statement(
    "test.overdue",
    "UPDATE {schema}.file SET expires_at = now() - interval '1 second' WHERE tenant_id = $1 AND id = $2",
)
RESERVED = Statement("test.reserved", "UPDATE {schema}.file_ledger SET bytes = $2 WHERE tenant_id = $1")


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore((tmp_path / "files").as_uri(), bytes(32))


def stored(tmp_path: Path) -> list[str]:
    return sorted(str(each.relative_to(tmp_path)) for each in tmp_path.rglob("*") if each.is_file())


async def begin(
    academy: Academy, store: FileStore, context: TenantContext | None = None, **changes: Any
) -> File:
    async with academy.work(context) as work:
        draft = msgspec.structs.replace(TEXT, **changes)
        return (await file.create_upload(work, store, draft)).file


async def send(academy: Academy, store: FileStore, to: File, sent: bytes) -> None:
    await store.write(academy.organization.id, f"arriving/{to.id.hex}", sent)


async def complete(
    academy: Academy, store: FileStore, of: File, context: TenantContext | None = None
) -> File:
    async with academy.work(context) as work:
        return await file.complete_upload(work, store, of.id)


async def uploaded(
    academy: Academy, store: FileStore, context: TenantContext | None = None, sent: bytes = b"Hello"
) -> File:
    begun = await begin(academy, store, context, size=len(sent))
    await send(academy, store, begun, sent)
    return await complete(academy, store, begun, context)


async def reserved(academy: Academy) -> int:
    """What the ledger says: always the sizes of all files."""
    ledger = sum(row["bytes"] for row in await academy.rows("file_ledger"))
    assert ledger == sum(row["size"] for row in await academy.rows("file"))
    return ledger


async def visible(academy: Academy, context: TenantContext, *ids: UUID) -> set[UUID]:
    async with academy.work(context, read_only=True) as work:
        return set(await file.find_many(work, list(ids)))


async def test_what_was_uploaded_is_there(academy: Academy, store: FileStore) -> None:
    learner = academy.acting(await academy.user())
    begun = await begin(academy, store, learner)
    # uploads that are open, rows measured, the room, the file
    assert academy.statements == 4
    assert (begun.status, begun.user_id, await reserved(academy)) == (FileStatus.PENDING, learner.user.id, 5)  # type: ignore[union-attr]  # a person
    await send(academy, store, begun, b"Hello")
    done = await complete(academy, store, begun, learner)
    assert academy.statements == 2
    assert (done.status, done.version, await reserved(academy)) == (FileStatus.READY, 2, 5)
    assert await complete(academy, store, begun, learner) == done
    assert [row["type"] for row in await academy.rows("event")] == ["file.uploaded"]
    read = store.read(academy.organization.id, file.path_of(done.id))
    assert b"".join([piece async for piece in read]) == b"Hello"


async def test_who_has_the_address_still_changes_nothing_any_more(academy: Academy, store: FileStore) -> None:
    done = await uploaded(academy, store)
    await send(academy, store, done, b"Other")
    assert await complete(academy, store, done) == done
    read = store.read(academy.organization.id, file.path_of(done.id))
    assert b"".join([piece async for piece in read]) == b"Hello"


@pytest.mark.parametrize("sent", [b"Hell", b"Hello!", b"He\0lo"])
async def test_what_is_not_what_was_said_is_gone_and_may_be_sent_again(
    academy: Academy, store: FileStore, tmp_path: Path, sent: bytes
) -> None:
    begun = await begin(academy, store)
    state = await academy.state()
    with pytest.raises(ValidationError) as refused:
        await complete(academy, store, begun)
    assert "Nothing" in refused.value.message
    await send(academy, store, begun, sent)
    with pytest.raises(ValidationError) as refused:
        await complete(academy, store, begun)
    assert refused.value.field == "fileId"
    assert (await academy.state(), stored(tmp_path)) == (state, [])
    await send(academy, store, begun, b"Hello")
    assert (await complete(academy, store, begun)).status == FileStatus.READY


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"size": 0}, "size"),
        ({"size": -1}, "size"),
        ({"size": LARGEST + 1}, "size"),
        ({"media_type": "text/html"}, "mediaType"),
        ({"media_type": "image/svg+xml"}, "mediaType"),
        ({"media_type": "\0"}, "mediaType"),
    ],
)
async def test_what_cannot_be_uploaded_is_refused_by_field(
    academy: Academy, store: FileStore, given: dict[str, Any], field: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        await begin(academy, store, **given)
    assert (refused.value.field, academy.statements, await reserved(academy)) == (field, 0, 0)


async def test_of_many_at_once_as_many_get_room_as_there_is(academy: Academy, store: FileStore) -> None:
    size = 2**30
    await begin(academy, store)
    async with academy.work() as work:
        await work.session.execute(RESERVED, LIMIT - 7 * size)
    made = await asyncio.gather(
        *(begin(academy, store, size=size) for _ in range(20)), return_exceptions=True
    )
    assert sorted(type(each).__name__ for each in made) == ["File"] * 7 + ["PlanLimitError"] * 13
    assert [row["bytes"] for row in await academy.rows("file_ledger")] == [LIMIT]
    with pytest.raises(PlanLimitError) as refused:
        await begin(academy, store, size=1)
    assert refused.value.field == "size"


async def test_a_person_has_a_bounded_number_of_open_uploads(
    academy: Academy, store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MOST_PENDING == 100
    monkeypatch.setattr(file, "MOST_PENDING", 2)
    one, other = academy.acting(await academy.user()), academy.acting(await academy.user())
    for _ in range(2):
        await begin(academy, store, one)
    with pytest.raises(ValidationError):
        await begin(academy, store, one)
    assert (await begin(academy, store, other)).status == FileStatus.PENDING


async def test_only_its_own_person_completes_and_deletes_an_upload(
    academy: Academy, rival: Academy, store: FileStore
) -> None:
    learner = academy.acting(await academy.user())
    begun = await begin(academy, store, learner)
    await send(academy, store, begun, b"Hello")
    state = await academy.state()
    strangers = (
        (academy, academy.acting(await academy.user("owner")), begun.id),
        (academy, academy.key(*Permission), begun.id),
        (rival, rival.operator, begun.id),
        (academy, learner, new_id()),
    )
    state = await academy.state()
    for where, context, id_ in strangers:
        for attempt in (file.complete_upload, file.delete):
            options = {"version": 1} if attempt is file.delete else {}
            with pytest.raises(NotFoundError):
                async with where.work(context) as work:
                    await attempt(work, store, id_, **options)  # type: ignore[operator]  # two alike
    others = academy.key(*(set(Permission) - {Permission.FILE_WRITE}))
    for context, error in ((academy.anonymous(), UnauthenticatedError), (others, ForbiddenError)):
        with pytest.raises(error):
            await begin(academy, store, context)
        with pytest.raises(error):
            await complete(academy, store, begun, context)
        assert academy.statements == 0
    assert await academy.state() == state


async def test_who_is_shown_a_file_may_see_it(academy: Academy, store: FileStore) -> None:
    course, draft = await academy.course(), await academy.course(published=False)
    taking, stranger = await academy.user(), await academy.user()
    await academy.enrollment(taking, course)
    shown, hidden, loose = [await uploaded(academy, store) for _ in range(3)]
    for of, each in ((course, shown), (draft, hidden)):
        lesson = (await academy.lessons(of))[0]
        async with academy.work() as work:
            drafted = ContentDraft(kind="file", title="Paper", file_id=each.id)
            made = await content.create(work, lesson.id, drafted)
        assert (made.kind, made.file_id, made.url) == ("file", each.id, None)
    ids = [shown.id, hidden.id, loose.id, new_id()]
    assert await visible(academy, academy.acting(taking), *ids) == {shown.id}
    # files, places, lessons taken
    assert academy.statements == 3
    assert await visible(academy, academy.acting(stranger), *ids) == set()
    author = academy.acting(await academy.user("manager"))
    assert await visible(academy, author, *ids) == {shown.id, hidden.id}
    assert await visible(academy, academy.operator, *ids) == {shown.id, hidden.id, loose.id}
    assert academy.statements == 1


async def test_a_copied_course_shows_the_same_file(academy: Academy, store: FileStore) -> None:
    source, shown = await academy.course(), await uploaded(academy, store)
    lesson = (await academy.lessons(source))[0]
    async with academy.work() as work:
        await content.create(work, lesson.id, ContentDraft(kind="file", title="Paper", file_id=shown.id))
        await course_clone.clone(work, source.id, code="COPY")
    assert [row["file_id"] for row in await academy.rows("content_item")] == [str(shown.id)] * 2
    assert await reserved(academy) == shown.size


async def test_content_takes_only_what_is_there_and_may_be_shown(academy: Academy, store: FileStore) -> None:
    lesson = (await academy.lessons(await academy.course()))[0]
    author, learner = academy.acting(await academy.user("manager")), academy.acting(await academy.user())
    pending, theirs = await begin(academy, store, author), await uploaded(academy, store, learner)
    for id_, error in ((pending.id, ValidationError), (theirs.id, NotFoundError), (new_id(), NotFoundError)):
        with pytest.raises(error) as refused:
            async with academy.work(author) as work:
                await content.create(work, lesson.id, ContentDraft(kind="file", title="X", file_id=id_))
        assert refused.value.field == "fileId"
    assert await academy.rows("content_item") == []


async def test_what_is_in_use_stays_and_what_is_not_frees_its_room(
    academy: Academy, store: FileStore, tmp_path: Path
) -> None:
    used, unused = await uploaded(academy, store), await uploaded(academy, store)
    lesson = (await academy.lessons(await academy.course()))[0]
    async with academy.work() as work:
        await content.create(work, lesson.id, ContentDraft(kind="file", title="X", file_id=used.id))
    for each, version in ((used, 2), (unused, 1)):
        with pytest.raises(ConflictError):
            async with academy.work() as work:
                await file.delete(work, store, each.id, version=version)
    assert await reserved(academy) == 10
    async with academy.work() as work:
        assert await file.delete(work, store, unused.id, version=2) == unused
    assert await reserved(academy) == 5
    assert stored(tmp_path) == [f"files/{academy.organization.id.hex}/uploads/{used.id.hex}"]


async def test_abandoned_uploads_are_released(academy: Academy, store: FileStore, tmp_path: Path) -> None:
    late, open_, done = (
        await begin(academy, store),
        await begin(academy, store),
        await uploaded(academy, store),
    )
    await send(academy, store, late, b"Hello")
    async with academy.work() as work:
        for each in (late, done):
            await work.session.execute(OVERDUE, each.id)
    async with academy.work() as work:
        assert await file.release_abandoned(work, store) == 1
    assert academy.statements == 1
    async with academy.work() as work:
        assert await file.release_abandoned(work, store) == 0
        assert {each.id for each in await files.find_by_ids(work.session, [late.id, open_.id, done.id])} == {
            open_.id,
            done.id,
        }
    assert await reserved(academy) == 10
    assert stored(tmp_path) == [f"files/{academy.organization.id.hex}/uploads/{done.id.hex}"]
    with pytest.raises(NotFoundError):
        await complete(academy, store, late)


async def test_a_link_to_read_is_for_what_is_ready(academy: Academy, store: FileStore) -> None:
    begun, done = await begin(academy, store), await uploaded(academy, store)
    async with academy.work(read_only=True) as work:
        assert file.download_url(work, store, begun) is None
        url = file.download_url(work, store, done)
    assert url is not None
    assert store.open_link(academy.organization.id, url.removeprefix("/files/")).name == "Notes.txt"


async def test_an_upload_ends_an_hour_from_now(academy: Academy, store: FileStore) -> None:
    async with academy.work() as work:
        made = await file.create_upload(work, store, TEXT)
    assert made.expires_at == made.file.created_at + timedelta(hours=1) < made.file.expires_at
    link = store.open_upload(academy.organization.id, made.url.removeprefix("/files/"))
    assert abs(datetime.fromtimestamp(link.expires, made.expires_at.tzinfo) - made.expires_at) < timedelta(
        seconds=2
    )


async def test_everybody_lists_their_own_and_administrators_all(academy: Academy, store: FileStore) -> None:
    admin, one, other = [await academy.user(role) for role in ("admin", "learner", "learner")]
    mine = await begin(academy, store, academy.acting(one), name="b.txt", size=7)
    theirs = await begin(academy, store, academy.acting(other), name="a.pdf", media_type="application/pdf")
    programs = await begin(academy, store)

    async def listed(context: TenantContext, by: str = "created_at", **only: Any) -> list[UUID]:
        async with academy.work(context, read_only=True) as work:
            asked = FileFilter(**only)
            found = await file.list_page(work, asked, after=None, first=9, order=Order(by))
            assert await file.count(work, asked) == len(found)
            assert len(await file.find_many(work, [each.id for each in found])) == len(found)
            return [each.id for each in found]

    everything = academy.acting(admin)
    assert await listed(everything) == [mine.id, theirs.id, programs.id]
    assert (await listed(everything, "name"))[1:] == [theirs.id, mine.id]
    assert (await listed(everything, "size"))[-1] == mine.id
    assert await listed(everything, user_id=other.id) == [theirs.id]
    assert await listed(everything, media_type="text/") == [mine.id, programs.id]
    assert await listed(everything, status=FileStatus.READY) == []
    assert await listed(academy.acting(one)) == [mine.id]
    assert await listed(academy.acting(one), user_id=other.id) == []
    assert await listed(academy.key(Permission.COURSE_READ)) == [programs.id]
