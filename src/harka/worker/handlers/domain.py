import msgspec

from harka.learning import domain
from harka.learning.work import UnitOfWork


class RecheckDomains(msgspec.Struct, frozen=True):
    """`asked`: somebody wants to know now, of all of them. The routine looks for those that are due."""

    asked: bool = False


async def recheck(work: UnitOfWork, payload: RecheckDomains) -> None:
    await domain.recheck(work, older_than=0.0 if payload.asked else domain.PERIOD, grace=domain.GRACE)
