"""What is in files comes along: shown by lessons, and handed in."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from academy import Academy
from harka.errors import HarkaError, ValidationError
from harka.files.store import FileStore
from harka.ids import new_id
from harka.learning import assignment, content, file, file_record, submission
from harka.learning.assignment import AssignmentDraft
from harka.learning.content import ContentDraft
from harka.learning.file import UploadDraft
from harka.onboarding.export import PARTS, contents
from harka.onboarding.restore import Restored, restore
from harka.onboarding.restore_file import Contents

NOTES = UploadDraft(name="Notes.txt", size=5, media_type="text/plain")


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore((tmp_path / "files").as_uri(), bytes(32))


def stored(tmp_path: Path) -> list[Path]:
    return sorted(each for each in tmp_path.rglob("*") if each.is_file())


async def pieces(*given: bytes) -> AsyncIterator[bytes]:
    for piece in given:
        yield piece


async def furnished(academy: Academy, store: FileStore) -> None:
    """A lesson that shows a file, and an essay that is one."""
    learner, subject = await academy.user(), await academy.course()
    enrolled, (first, second) = await academy.enrollment(learner, subject), await academy.lessons(subject)
    async with academy.work() as work:
        shown = await file_record.record(work, store, NOTES, pieces(b"He", b"llo"), id_=new_id(), owner=None)
        draft = ContentDraft(kind="file", title="Notes", file_id=shown.id)
        await content.create(work, first.id, draft)
        asked = await assignment.create(work, second.id, AssignmentDraft(title="Essay", accepts="file"))
        essay = await file_record.record(work, store, NOTES, pieces(b"Essay"), id_=new_id(), owner=learner.id)
        await file.create_upload(work, store, NOTES)
    async with academy.work(academy.acting(learner)) as work:
        await submission.submit(work, enrollment_id=enrolled.id, assignment_id=asked.id, file_ids=[essay.id])


async def exported(academy: Academy, store: FileStore) -> tuple[dict[str, bytes], dict[UUID, bytes]]:
    async with academy.work(read_only=True) as work:
        lines = {name: b"".join([piece async for piece in read(work)]) for name, read in PARTS.items()}
        inside = {
            id_: b"".join([piece async for piece in content]) async for id_, content in contents(work, store)
        }
    return lines, inside


async def read_in(
    academy: Academy, store: FileStore, lines: dict[str, bytes], inside: dict[UUID, bytes]
) -> Restored:
    brought = Contents(store, lambda id_: pieces(inside[id_]) if id_ in inside else None)
    try:
        async with academy.work() as work:
            return await restore(work, lambda name: lines.get(name, b"").splitlines(), brought)
    except HarkaError:
        await brought.forget(academy.organization.id)
        raise


async def test_what_is_in_files_comes_along(academy: Academy, rival: Academy, store: FileStore) -> None:
    await furnished(academy, store)
    lines, inside = await exported(academy, store)
    assert sorted(inside.values()) == [b"Essay", b"Hello"]
    done = await read_in(rival, store, lines, inside)
    # the upload that was never finished
    assert done.left == {"files": 1}
    (_, there) = await exported(rival, store)
    assert sorted(there.values()) == [b"Essay", b"Hello"]
    assert not there.keys() & inside.keys()
    (learner,) = await rival.rows('"user"')
    owners = {row["name"]: row["user_id"] for row in await rival.rows("file") if row["user_id"]}
    assert owners == {"Notes.txt": learner["id"]}
    (item,), (handed,) = await rival.rows("content_item"), await rival.rows("submission_file")
    assert {UUID(item["file_id"]), UUID(handed["file_id"])} == there.keys()
    (ledger,) = await rival.rows("file_ledger")
    assert ledger["bytes"] == 10


async def test_without_what_is_in_them_files_stay_behind(
    academy: Academy, rival: Academy, store: FileStore
) -> None:
    await furnished(academy, store)
    lines, _ = await exported(academy, store)
    done = await read_in(rival, store, lines, {})
    assert done.left == {"files": 3, "content": 1, "submissions": 1}
    assert await rival.rows("file") == []


async def test_what_is_not_what_it_says_leaves_nothing(
    academy: Academy, rival: Academy, store: FileStore, tmp_path: Path
) -> None:
    await furnished(academy, store)
    lines, inside = await exported(academy, store)
    before = stored(tmp_path)
    with pytest.raises(ValidationError):
        await read_in(rival, store, lines, dict.fromkeys(inside, b"longer than it was"))
    assert await rival.rows("file") == []
    assert stored(tmp_path) == before
