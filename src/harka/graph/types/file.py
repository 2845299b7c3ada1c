from datetime import datetime
from typing import Any

from harka.graph.context import Info
from harka.graph.enums import FileStatus
from harka.graph.field import field, leaf
from harka.graph.loaders.file import FileByIdLoader
from harka.graph.loaders.user import UserByIdLoader
from harka.graph.node import Node, node_type
from harka.graph.types import later
from harka.ids import NodeKind
from harka.learning import file
from harka.repositories.file import File as FileRow


def _user(root: FileRow, info: Info) -> Any:
    return None if root.user_id is None else info.context.loaders.of(UserByIdLoader).load(root.user_id)


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
