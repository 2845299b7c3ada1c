"""What is in the files of an export, on its way into the store of the organization that reads it in."""

from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

import msgspec

from harka.files.store import FileStore
from harka.ids import new_id
from harka.learning import file_record
from harka.learning.file import FileStatus, UploadDraft
from harka.learning.work import UnitOfWork

Row = dict[str, Any]
Open = Callable[[UUID], AsyncIterator[bytes] | None]
"""What is in a file of the export, by its id there; None where an export does not hold it."""


class Contents:
    """`written`: what is in the store so far. It stays when the unit of work is undone, until `forget`."""

    def __init__(self, store: FileStore, open_: Open) -> None:
        self._store = store
        self._open = open_
        self.written: list[UUID] = []

    async def bring(self, work: UnitOfWork, row: Row, owner: UUID | None) -> UUID | None:
        """The id of the file here. None: it was never uploaded, or the export does not hold what is in it."""
        if row["status"] != FileStatus.READY:
            return None
        content = self._open(UUID(row["id"]))
        if content is None:
            return None
        id_ = new_id()
        self.written.append(id_)
        draft = msgspec.convert(row, UploadDraft)
        return (await file_record.record(work, self._store, draft, content, id_=id_, owner=owner)).id

    async def forget(self, tenant: UUID) -> None:
        """The unit of work was undone."""
        for id_ in self.written:
            await file_record.forget(self._store, tenant, id_)
        self.written.clear()
