from datetime import datetime
from typing import Annotated

import msgspec
import strawberry

from harka.graph.context import Info
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.payload import MutationInput, Payload
from harka.graph.types.file import File
from harka.ids import NodeKind
from harka.learning import file
from harka.learning.file import LARGEST, MOST_PENDING, Upload, UploadDraft
from harka.repositories.file import File as FileRow
from harka.tenancy.permission import Permission


class Completed(msgspec.Struct, frozen=True):
    file: FileRow


class Deleted(msgspec.Struct, frozen=True):
    deleted_file_id: str


@graph_input
class CreateUploadInput(MutationInput):
    """What is to be uploaded."""

    name: str = value("What the file is called, with its extension: 1 to 200 characters.")
    size: int = value(f"How large it is, in bytes: 1 to {LARGEST:,}.")
    media_type: str = value(
        "What it is: `application/pdf`, `application/zip`, `audio/mpeg`, `image/gif`, `image/jpeg`, "
        "`image/png`, `image/webp`, `text/csv`, `text/plain`, `video/mp4`, `video/webm`, or the type of a "
        "Word, Excel or PowerPoint document (`application/vnd.openxmlformats-officedocument.…`)."
    )


@graph_input
class CompleteUploadInput(MutationInput):
    """Which upload is done."""

    file_id: strawberry.ID = value("The file that `createUpload` answered.")


@graph_input
class DeleteFileInput(MutationInput):
    """Which file to take away."""

    file_id: strawberry.ID = value("A file of yours that nothing refers to.")
    version: int = value("The version that was read. When it has changed since, the answer is CONFLICT.")


@graph_type
class CreateUploadPayload(Payload):
    """Where to send the file."""

    file: File | None = leaf("The file that is to come. Its room is reserved.")
    url: str | None = leaf(
        "Where to PUT the bytes, without credentials: relative to the address of this API, or absolute where "
        "a bucket takes them. What was sent before is replaced."
    )
    expires_at: datetime | None = leaf(
        "When the address ends. What is not completed an hour after that is given up."
    )


@graph_type
class CompleteUploadPayload(Payload):
    """The file that was uploaded."""

    file: File | None = leaf("The file as it is now.")


@graph_type
class DeleteFilePayload(Payload):
    """The file that was taken away."""

    deleted_file_id: strawberry.ID | None = leaf("The id that it had.")


async def _create(
    info: Info,
    given: Annotated[CreateUploadInput, strawberry.argument(name="input", description="What is to come.")],
) -> Upload:
    draft = UploadDraft(name=given.name, size=given.size, media_type=given.media_type)
    return await file.create_upload(info.context.work, info.context.runtime.files, draft)


async def _complete(
    info: Info,
    given: Annotated[CompleteUploadInput, strawberry.argument(name="input", description="Which.")],
) -> Completed:
    context = info.context
    id_ = context.open_id(NodeKind.FILE, given.file_id, "fileId")
    return Completed(await file.complete_upload(context.work, context.runtime.files, id_))


async def _delete(
    info: Info,
    given: Annotated[DeleteFileInput, strawberry.argument(name="input", description="Which.")],
) -> Deleted:
    context = info.context
    id_ = context.open_id(NodeKind.FILE, given.file_id, "fileId")
    await file.delete(context.work, context.runtime.files, id_, version=given.version)
    return Deleted(given.file_id)


@strawberry.type
class FileMutation:
    create_upload: CreateUploadPayload | None = mutation(
        _create,
        "Begin to upload a file: PUT its bytes to the answered address, then call `completeUpload`. "
        f"A person has at most {MOST_PENDING} uploads open.",
        requires=Permission.FILE_WRITE,
    )
    complete_upload: CompleteUploadPayload | None = mutation(
        _complete,
        "Say that a file was uploaded: its size and its content are looked at. Where they are not what was "
        "said, the bytes are gone, and may be sent again.",
        requires=Permission.FILE_WRITE,
    )
    delete_file: DeleteFilePayload | None = mutation(
        _delete,
        "Take a file of yours away that nothing refers to. Its room is free again.",
        requires=Permission.FILE_WRITE,
    )
