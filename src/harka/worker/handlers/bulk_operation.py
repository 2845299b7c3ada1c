"""A query over all that a list has: page by page through the engine, as who asked, each part kept once."""

import asyncio
from typing import Any, Final

from harka import clock
from harka.codec import from_json, json_bytes
from harka.errors import (
    ForbiddenError,
    HarkaError,
    NotFoundError,
    PayloadTooLargeError,
    RateLimitedError,
    UnauthenticatedError,
)
from harka.files.store import FileStore
from harka.learning import bulk_operation
from harka.learning.bulk_operation import AFTER, LIST, MOST_BYTES, Part, RunQuery
from harka.learning.work import UnitOfWork
from harka.repositories.bulk_operation import Progress
from harka.tenancy.entitlement import limits_for
from harka.worker.pulse import Report
from harka.worker.reply import AskedError, data_of, pause_after
from harka.worker.units import Units

TIMEOUT: Final = 1800.0
"""Seconds for a turn, with the file that is made at the end."""
_TURN: Final = 60.0
"""Seconds after which what is left has a turn of its own: other jobs wait for no more than that."""
_TIMEOUT: Final = 30.0
_PART_BYTES: Final = 4 * 1024 * 1024
_PART_SECONDS: Final = 5.0
"""A part ends with the first page after so many bytes or seconds: as much is done again for a lost worker."""

# what would be the same again
_LASTING: Final = (ForbiddenError, UnauthenticatedError, NotFoundError, PayloadTooLargeError, AskedError)


async def run(work: UnitOfWork, payload: RunQuery, files: FileStore, units: Units, report: Report) -> None:
    """`work`, which ends the job, does nothing else. Raise `RateLimitedError` for another turn."""
    id_, tenant = payload.operation_id, work.context.id
    until = clock.monotonic() + _TURN
    try:
        while True:
            async with units.begin(work.context, timeout=_TIMEOUT, read_only=True) as looking:
                so_far = await bulk_operation.progress(looking, id_)
            report.tell(so_far.objects)
            if so_far.outcome is not None:
                return
            if so_far.all_read:
                await bulk_operation.write_result(files, tenant, id_, so_far)
                async with units.begin(work.context, timeout=_TIMEOUT) as ending:
                    await bulk_operation.finish(ending, files, id_, so_far)
                return
            number = len(so_far.parts)
            part = await _read(payload, so_far, units)
            if so_far.bytes + len(part.lines) > MOST_BYTES:
                raise PayloadTooLargeError(f"The file would have more than {MOST_BYTES:,} bytes.")
            new = await bulk_operation.write_part(files, tenant, id_, number, part)
            async with units.begin(work.context, timeout=_TIMEOUT) as keeping:
                await bulk_operation.add_part(keeping, id_, new, after=number)
            if clock.monotonic() >= until:
                # the job is put off, and no attempt is used: it goes on after the parts that count
                raise RateLimitedError(retry_after=0.0)
    except _LASTING as error:
        async with units.begin(work.context, timeout=_TIMEOUT) as noting:
            await bulk_operation.fail(noting, files, id_, code=error.code, message=error.message)


async def _read(payload: RunQuery, so_far: Progress, units: Units) -> Part:
    """The next pages. Raise `AskedError`."""
    tenant, seal_key = units.organization.id, units.runtime.keyring.seal
    asked = bulk_operation.asked_for(so_far, tenant=tenant, seal_key=seal_key)
    variables: dict[str, Any] = from_json(asked.variables)
    lines, objects, size, cursor = list[bytes](), 0, 0, so_far.cursor
    until = clock.monotonic() + _PART_SECONDS
    while True:
        try:
            # afresh for each page: they may have been let in no more meanwhile
            acting = await units.acting(payload.delegate)
            page = data_of(await units.ask(acting, asked.document, {**variables, AFTER: cursor}))[LIST]
        except HarkaError as error:
            if isinstance(error, _LASTING) or not objects:
                raise
            # what was read is paid for, and read once
            return Part(b"".join(lines), objects, cursor, last=False)
        if page is None:
            raise AskedError(ForbiddenError.code, "The list cannot be seen.")
        for node in page["nodes"]:
            line = json_bytes(node)
            lines.append(line + b"\n")
            size += len(line) + 1
        objects += len(page["nodes"])
        cursor = page["pageInfo"]["endCursor"] or cursor
        is_last = not page["pageInfo"]["hasNextPage"]
        if is_last or size >= _PART_BYTES or clock.monotonic() >= until:
            return Part(b"".join(lines), objects, cursor, is_last)
        await _leave_to_others(units)


async def _leave_to_others(units: Units) -> None:
    levels = await units.runtime.admission.levels(units.organization)
    rate = limits_for(units.organization).points_per_second
    await asyncio.sleep(pause_after(levels, points_per_second=rate))
