from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import Annotated

import strawberry

from harka.graph.context import Info
from harka.graph.enums import FileOrder, FileStatus, OrderDirection
from harka.graph.field import field, graph_input, leaf, value
from harka.graph.loaders.file import FileByIdLoader
from harka.graph.loaders.user import UserByIdLoader
from harka.graph.node import Node, node_type
from harka.graph.pagination import After, Connection, First, Slice, ordered, paginate
from harka.graph.types import later
from harka.ids import NodeKind
from harka.learning import file
from harka.learning.text import accept_part
from harka.repositories.file import File as FileRow
from harka.repositories.file import FileFilter as Only
from harka.repositories.page import Position
from harka.repositories.user import User as UserRow
from harka.tenancy.permission import Permission

_LONGEST_MEDIA_TYPE = 100


def _user(root: FileRow, info: Info) -> Awaitable[UserRow | None] | None:
    return None if root.user_id is None else info.context.loaders.of(UserByIdLoader).want(root.user_id)


def _download_url(root: FileRow, info: Info) -> str | None:
    return file.download_url(info.context.work, info.context.runtime.files, root)


@node_type(FileRow, NodeKind.FILE, FileByIdLoader)
class File(Node):
    """Something that was uploaded. It is absent for who did not upload it and is shown it nowhere."""

    user: later.User | None = field(
        _user, "Who uploaded it; null when the caller may not see them, and for a program."
    )
    name: str = leaf("What it is called.")
    size: int = leaf("How large it is, in bytes.")
    media_type: str = leaf("What it is: an IANA media type, proven by its content once it is ready.")
    status: FileStatus = leaf("Whether it is there.")
    download_url: str | None = field(
        _download_url,
        "Where to GET it, without credentials, for the next five to ten minutes: relative to the address of "
        "this API. It answers `Range` requests, and always as a download. Null until it is ready.",
    )
    created_at: datetime = leaf("When its upload was asked for.")
    updated_at: datetime = leaf("When it last changed.")
    version: int = leaf("Grows with every change.")


@graph_input
class FileFilter:
    """Which files; what is omitted leaves out nothing."""

    status: FileStatus | None = value("Only files in this state.", default=None)
    media_type: str | None = value(
        "Only files whose media type is this or begins with it: `application/pdf`, `image/`.", default=None
    )
    user_id: strawberry.ID | None = value("Only files that this user uploaded.", default=None)


@graph_input
class FileOrderBy:
    """How files are ordered."""

    field: FileOrder = value("By what.")
    direction: OrderDirection = value("Which end comes first.", default=OrderDirection.ASC)


Matching = Annotated[
    FileFilter | None, strawberry.argument(name="filter", description="Which files; omit it for all.")
]
Ordered = Annotated[FileOrderBy | None, strawberry.argument(description="Omit it for the oldest first.")]


async def _files(
    info: Info, first: First, after: After = None, matching: Matching = None, order_by: Ordered = None
) -> Slice:
    context, order = info.context, ordered(order_by)
    only = _accepted(info, matching)

    async def fetch(position: Position | None, limit: int) -> Sequence[FileRow]:
        rows = await file.list_page(context.work, only, after=position, first=limit, order=order)
        context.loaders.of(FileByIdLoader).prime(rows)
        return rows

    return await paginate(
        context,
        "files",
        filters=(only.status, only.media_type, None if only.user_id is None else only.user_id.bytes),
        order=order,
        first=first,
        after=after,
        fetch=fetch,
        count=lambda: file.count(context.work, only),
    )


def _accepted(info: Info, given: FileFilter | None) -> Only:
    if given is None:
        return Only()
    user = given.user_id
    return Only(
        status=given.status,
        media_type=accept_part(given.media_type, "filter.mediaType", longest=_LONGEST_MEDIA_TYPE),
        user_id=None if user is None else info.context.open_id(NodeKind.USER, user, "filter.userId"),
    )


def _file(
    info: Info,
    id_: Annotated[strawberry.ID, strawberry.argument(name="id", description="The id of the file.")],
) -> Awaitable[FileRow | None]:
    context = info.context
    return context.loaders.of(FileByIdLoader).want(context.open_id(NodeKind.FILE, id_))


@strawberry.type
class FileQuery:
    files: Connection[File] | None = field(
        _files,
        "What was uploaded: by anybody for callers with `organization:write`, by themselves for others. What "
        "lessons and submissions show is found there.",
        requires=Permission.COURSE_READ,
    )
    file: File | None = field(
        _file,
        "One file; null when there is none, or none that the caller may see.",
        requires=Permission.COURSE_READ,
        several=True,
    )
