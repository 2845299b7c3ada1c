"""The room that an organization's plan has for files."""

from typing import Final

from harka.errors import PlanLimitError
from harka.learning.work import UnitOfWork
from harka.repositories import file as files
from harka.repositories import usage as usages
from harka.tenancy.entitlement import limits_for
from harka.tenancy.plan import Resource

_ANY: Final = 2**63 - 1


async def take(work: UnitOfWork, size: int, *, field: str | None = None) -> None:
    """Take so many bytes of it, until the transaction is undone. `field`: of the input that says how many.

    Raise `PlanLimitError` when there is not so much left, unless that is only counted.
    """
    limit = limits_for(work.context.organization).storage_bytes
    measured = await usages.latest(work.session)
    rows = 0 if measured is None else measured.storage_bytes
    if await files.reserve(work.session, size, limit=limit - rows):
        return
    if work.lets_pass(Resource.STORAGE):
        await files.reserve(work.session, size, limit=_ANY)
        return
    raise PlanLimitError(
        f"There is no room left for {size:,} bytes: the organization's plan has {limit:,}.",
        field=field,
        resource=Resource.STORAGE,
        limit=limit,
        used=rows + await files.reserved(work.session),
    )
