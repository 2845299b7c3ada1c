"""A school whose admission is its own, and its gate full for as long as a test likes."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from harka import clock
from harka.repositories.organization import Organization
from harka.runtime import Runtime
from harka.tenancy.bodies import Bodies
from harka.tenancy.gate import Gate
from harka.tenancy.line import Rank
from harka.tenancy.quota import Admission
from school import School

_BODIES = 64


def gated(school: School, *, most: int = 2, patience: float = 1.0) -> School:
    runtime: Runtime = msgspec.structs.replace(
        school.runtime,
        gate=Gate(most=most, patience=patience),
        bodies=Bodies(_BODIES),
        # of this process alone: what is counted is told exactly
        admission=Admission(),
    )
    return School(
        runtime, school.organization, school.people, school.courses, school.enrollments, school.draft
    )


def organization_of(school: School) -> Organization:
    """As the directory knows it."""
    found = school.runtime.directory.current.organization(school.organization.id)
    assert found is not None
    return found


@asynccontextmanager
async def full(school: School, *, line: bool = True) -> AsyncIterator[None]:
    """While the block runs every place is held, and with `line` nobody else may wait."""
    async with filled(school.runtime.gate, organization_of(school), line=line):
        yield


@asynccontextmanager
async def filled(gate: Gate, organization: Organization, *, line: bool = True) -> AsyncIterator[None]:
    """See `full`. All by one organization."""
    flow = gate.flow(organization)
    held = 0
    while gate.enter(flow):
        held += 1
    waiting: list[asyncio.Task[None]] = []
    for rank in Rank if line else ():
        while gate.has_room(flow, rank):
            waiting.append(asyncio.create_task(gate.wait(flow, rank, math.inf)))
            await asyncio.sleep(0)
    try:
        yield
    finally:
        for task in waiting:
            task.cancel()
        began = await asyncio.gather(*waiting, return_exceptions=True)
        # who had a place before left, and it went on to these
        held += sum(isinstance(each, float) for each in began)
        for _ in range(held):
            gate.leave(flow, clock.monotonic())
