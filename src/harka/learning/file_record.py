"""Files that come from elsewhere with what is in them, as in an import."""

from collections.abc import AsyncIterable
from uuid import UUID

from harka import clock
from harka.files.store import FileStore
from harka.learning import storage
from harka.learning.file import UploadDraft, path_of, require_as_said, row_of
from harka.learning.work import UnitOfWork
from harka.repositories import file as files
from harka.repositories.file import File
from harka.tenancy.permission import Permission


async def record(
    work: UnitOfWork,
    store: FileStore,
    draft: UploadDraft,
    content: AsyncIterable[bytes],
    *,
    id_: UUID,
    owner: UUID | None,
) -> File:
    """As if it had been uploaded and completed. `owner`: None for programs.

    Content is written at once, and stays when the unit is undone: whoever undoes it calls `forget`. Raise
    `ValidationError`, for content of another size or kind too, and `PlanLimitError` when there is no room.
    """
    work.context.require(Permission.FILE_WRITE)
    work.context.require(Permission.ORGANIZATION_WRITE)
    work.context.require_everybody()
    file = row_of(draft, owner, clock.now(), id_=id_)
    await storage.take(work, file.size, field="size")
    await files.insert(work.session, file)
    await store.write(work.context.id, path_of(file.id), content)
    await require_as_said(store, work.context.id, file)
    return await files.complete(work.session, file.id)


async def forget(store: FileStore, tenant: UUID, id_: UUID) -> None:
    """What was written of a file that is not there after all."""
    await store.delete(tenant, path_of(id_))
