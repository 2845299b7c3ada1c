from harka.learning import password_request
from harka.learning.password_request import ResetAsked
from harka.learning.work import UnitOfWork
from harka.worker.units import Units


async def reset(work: UnitOfWork, payload: ResetAsked, units: Units) -> None:
    await password_request.answer(units.runtime.entrance, work, payload)
