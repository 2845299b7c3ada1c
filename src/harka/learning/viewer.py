"""What people change of themselves."""

import msgspec
from msgspec import UNSET, UnsetType

from harka.errors import ConflictError, NotFoundError
from harka.learning import user
from harka.learning.user_row import accepted
from harka.learning.work import UnitOfWork
from harka.repositories import user as users
from harka.repositories.scope import Scope
from harka.repositories.user import User


class ViewerChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What is UNSET stays as it is. `locale`, `timezone`: None for the organization's."""

    name: str | UnsetType = UNSET
    locale: str | UnsetType | None = UNSET
    timezone: str | UnsetType | None = UNSET


async def update(work: UnitOfWork, changes: ViewerChanges, *, version: int) -> User:
    """Change oneself: what others know one by and one may do, address and role, is for who writes users.

    Raise `ConflictError` for another version; `ValidationError`, for a program too, which is nobody.
    """
    me = user.myself(work.context)
    held = await users.lock(work.session, Scope(everything=True), me.id)
    if held is None:
        raise NotFoundError("There is no such user here.")
    if held.version != version:
        raise ConflictError
    given = {name: value for name, value in msgspec.structs.asdict(changes).items() if value is not UNSET}
    changed = await user.write(work, msgspec.structs.replace(held, **accepted(work, given)))
    user.record_changes(work, held, changed)
    return changed
