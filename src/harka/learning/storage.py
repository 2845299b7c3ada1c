"""The room that an organization's plan has for files."""

from harka.learning.work import UnitOfWork
from harka.repositories import file as files
from harka.repositories import usage as usages
from harka.tenancy.entitlement import limits_for


async def take(work: UnitOfWork, size: int) -> bool:
    """Whether there was room for so many bytes; then they are taken, until the transaction is undone."""
    limit = limits_for(work.context.organization).storage_bytes
    measured = await usages.latest(work.session)
    rows = 0 if measured is None else measured.storage_bytes
    return await files.reserve(work.session, size, limit=limit - rows)
