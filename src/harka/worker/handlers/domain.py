import msgspec

from harka.learning import domain
from harka.learning.work import UnitOfWork


class RecheckDomains(msgspec.Struct, frozen=True):
    """No payload: the tenant of the job is all there is to say."""


async def recheck(work: UnitOfWork, _payload: RecheckDomains) -> None:
    await domain.recheck(work, older_than=domain.PERIOD, grace=domain.GRACE)
