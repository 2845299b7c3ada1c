"""Organizations that asked once and then no more: what a process keeps of them."""

import asyncio
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import msgspec

from harka import clock
from harka.codec import from_json, json_bytes
from harka.crypto.signing import Algorithm
from harka.ids import new_id
from harka.repositories.organization import Organization, _organization
from harka.repositories.signing_key import SigningKey
from harka.tenancy import signing_key
from harka.tenancy.gate import Gate
from harka.tenancy.line import Rank
from harka.tenancy.pools import ONE
from harka.tenancy.quota import PERIOD, Admission
from harka.tenancy.snapshot import Snapshot, TenantRecord
from tenancy.samples import KEYRING, NOW, PLATFORM, organization

_AT_ONCE = 100
_LONGEST = 60.0


@dataclass(frozen=True)
class Kept:
    directory: Snapshot
    admission: Admission
    gate: Gate


def read_directory(count: int) -> Iterator[TenantRecord]:
    """So many, each made when it is taken."""
    made = signing_key.make(KEYRING, new_id(), Algorithm.EDDSA)
    return (_read(number, made) for number in range(count))


async def idle(directory: Iterable[TenantRecord], seconds: list[float]) -> Kept:
    """A hundred ask at a time. `seconds`: what the monotonic clock shows, and goes on until all are idle."""
    kept = Kept(Snapshot.of(PLATFORM, directory), Admission(), Gate(most=100, patience=0.1))
    asking = kept.directory.organizations
    for first in range(0, len(asking), _AT_ONCE):
        for each in asking[first : first + _AT_ONCE]:
            await _ask_once(kept.admission, kept.gate, each)
        until = seconds[0] + _LONGEST
        while len(kept.admission):
            assert seconds[0] < until
            seconds[0] += PERIOD
            kept.admission.look()
            await asyncio.sleep(0)
    return kept


def _read(number: int, made: SigningKey) -> TenantRecord:
    """As a driver hands it over: each value an object of its own."""
    columns = msgspec.structs.asdict(organization())
    del columns["granted"]
    texts = [name for name, value in columns.items() if isinstance(value, str)]
    row = columns | {name: f" {columns[name]}"[1:] for name in texts}
    row |= {"id": new_id(), "name": f"Tenant {number}", "slug": f"tenant-{number}"}
    row |= {"settings": "{}", "features": "{}"}
    row |= {name: NOW + timedelta(seconds=number) for name in ("created_at", "updated_at")}
    found = _organization((*row.values(), None, None, None))  # type: ignore[arg-type]  # as a record reads
    key = msgspec.structs.replace(
        made,
        kid=f"kid-{number}",
        tenant_id=found.id,
        public_jwk=from_json(json_bytes(made.public_jwk)),
        sealed_private=b"",
    )
    return TenantRecord(organization=found, signing_keys=(key,))


async def _ask_once(admission: Admission, gate: Gate, who: Organization) -> None:
    """A request that waits at the gate, too."""
    allowance = admission.enter(who) or await admission.wait_in(who)
    flow = gate.flow(who)
    await gate.wait(flow, Rank.INTERACTIVE, math.inf)
    gate.leave(flow, clock.monotonic())
    admission.settle(admission.charge(who, 1.0) or await admission.wait_to_charge(who, 1.0), 1.0, 1.0, 0.001)
    allowance.running.put(ONE)
