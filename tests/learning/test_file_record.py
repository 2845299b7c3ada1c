from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from academy import Academy
from harka.errors import ForbiddenError, PlanLimitError, ValidationError
from harka.files.store import FileStore
from harka.ids import new_id
from harka.learning import file, file_record
from harka.learning.file import UploadDraft
from harka.storage.statement import Statement
from harka.tenancy.plan import Plan, limits_of

LIMIT = limits_of(Plan.GROWTH).storage_bytes
FILL = Statement("test.fill", "UPDATE {schema}.file_ledger SET bytes = $2 WHERE tenant_id = $1")
NOTES = UploadDraft(name="Notes.txt", size=5, media_type="text/plain")


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore((tmp_path / "files").as_uri(), bytes(32))


async def pieces(*given: bytes) -> AsyncIterator[bytes]:
    for piece in given:
        yield piece


async def test_it_is_there_as_if_it_had_been_uploaded(academy: Academy, store: FileStore) -> None:
    owner, id_ = await academy.user(), new_id()
    async with academy.work() as work:
        made = await file_record.record(work, store, NOTES, pieces(b"He", b"llo"), id_=id_, owner=owner.id)
    assert (made.id, made.user_id, made.status, made.size) == (id_, owner.id, "ready", 5)
    kept = store.read(academy.organization.id, file.path_of(id_))
    assert b"".join([piece async for piece in kept]) == b"Hello"
    await file_record.forget(store, academy.organization.id, id_)
    assert await store.find(academy.organization.id, file.path_of(id_)) is None


async def test_what_is_not_as_it_was_said_is_refused(academy: Academy, store: FileStore) -> None:
    id_ = new_id()
    with pytest.raises(ValidationError):
        async with academy.work() as work:
            await file_record.record(work, store, NOTES, pieces(b"Hello there"), id_=id_, owner=None)
    assert await academy.rows("file") == []
    assert await store.find(academy.organization.id, file.path_of(id_)) is None


async def test_there_is_no_more_room_than_the_plan_has(academy: Academy, store: FileStore) -> None:
    async with academy.work() as work:
        await file_record.record(work, store, NOTES, pieces(b"Hello"), id_=new_id(), owner=None)
        await work.session.execute(FILL, LIMIT)
    with pytest.raises(PlanLimitError):
        async with academy.work() as work:
            await file_record.record(work, store, NOTES, pieces(b"Hello"), id_=new_id(), owner=None)
    assert len(await academy.rows("file")) == 1


async def test_learners_bring_nothing_for_others(academy: Academy, store: FileStore) -> None:
    learner = await academy.user()
    with pytest.raises(ForbiddenError):
        async with academy.work(academy.acting(learner)) as work:
            await file_record.record(work, store, NOTES, pieces(b"Hello"), id_=new_id(), owner=None)
    assert await academy.rows("file") == []
