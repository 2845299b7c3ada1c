"""Very many people at once: a worker does all parts, and another goes on where one was lost."""

import asyncio
import signal
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from academy import Academy
from harka import config
from harka.ids import new_id
from harka.learning import bulk_change, user
from harka.learning.bulk_user import UserEntry
from harka.learning.user import UserChanges
from harka.queue.message import BULK_ENROLL, BULK_USERS
from harka.repositories.bulk_change import BulkChange
from harka.repositories.job_run import Run
from harka.repositories.user import User
from harka.runtime import Runtime
from harka.tenancy.plan import Plan
from harka.worker.execution import Execution

PEOPLE = 5

# a worker whose lease is over as soon as it is dead
KILLED = """
import asyncio, os, signal, sys
from uuid import UUID
from harka import config
from harka.opening import open_runtime
from harka.learning import bulk_change
from harka.worker.execution import Execution

advance, advanced = bulk_change.changes.advance, 0

async def dying(*given, **how):
    global advanced
    advanced += 1
    await advance(*given, **how)
    if advanced == 3:
        os.kill(os.getpid(), signal.SIGKILL)

async def main(tenant):
    bulk_change._PART = 2
    bulk_change.changes.advance = dying
    async with open_runtime(config.load()) as runtime:
        organization = runtime.directory.current.records[tenant].organization
        execution = Execution(runtime, lease=-1.0)
        claim = await execution.claim(organization, 9)
        (run,) = [run for run in claim.runs if run.type == "bulk.enroll"]
        await execution.run(organization, run)

asyncio.run(main(UUID(sys.argv[1])))
"""


@pytest.fixture(autouse=True)
def _parts_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_change, "_PART", 2)


async def enrolling(runtime: Runtime, academy: Academy, boss: User) -> BulkChange:
    course = await academy.course()
    people = [(await academy.user()).id for _ in range(PEOPLE)]
    async with academy.work(academy.acting(boss)) as work:
        return await bulk_change.enroll_later(
            work, course.id, people, on_error="reject_failed_rows", seal_key=runtime.keyring.seal
        )


async def claimed(execution: Execution, academy: Academy, type_: str) -> Run:
    claim = await execution.claim(academy.organization, 9, lost=9)
    (run,) = [run for run in claim.runs if run.type == type_]
    return run


async def states(academy: Academy) -> tuple[Any, ...]:
    (change,) = await academy.rows("bulk_change")
    (job,) = [each for each in await academy.rows("job") if each["type"].startswith("bulk.")]
    return change["outcome"], change["done"], change["error"], job["state"]


async def test_a_worker_does_all_parts_and_tells_how_far_it_is(runtime: Runtime, academy: Academy) -> None:
    await enrolling(runtime, academy, await academy.user("manager"))
    execution = Execution(runtime)
    await execution.run(academy.organization, await claimed(execution, academy, BULK_ENROLL))
    assert await states(academy) == ("done", PEOPLE, None, "done")
    assert len(await academy.rows("enrollment")) == PEOPLE


async def test_what_a_killed_worker_did_is_not_done_again(
    runtime: Runtime, academy: Academy, tmp_path: Path
) -> None:
    """A process of its own ends by `kill -9`, its third part done and not committed."""
    await enrolling(runtime, academy, await academy.user("manager"))
    arguments = (sys.executable, "-c", KILLED, str(academy.organization.id))
    environment = config.environment(runtime.settings)
    with (tmp_path / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*arguments, env=environment, stderr=log)
        ended = await process.wait()
    assert ended == -signal.SIGKILL, (tmp_path / "log").read_text()
    assert await states(academy) == (None, 4, None, "running")
    another = Execution(runtime)
    again = await claimed(another, academy, BULK_ENROLL)
    assert again.attempts == 2
    await another.run(academy.organization, again)
    assert await states(academy) == ("done", PEOPLE, None, "done")
    results = await academy.rows("bulk_result")
    assert sorted((row["number"], row["created"]) for row in results) == [
        (number, True) for number in range(PEOPLE)
    ]
    assert len(await academy.rows("enrollment")) == PEOPLE


async def test_who_may_not_any_more_does_nothing_more(runtime: Runtime, academy: Academy) -> None:
    boss = await academy.user("manager")
    await enrolling(runtime, academy, boss)
    async with academy.work() as work:
        await user.update(work, boss.id, UserChanges(role="learner"), version=boss.version)
    execution = Execution(runtime)
    await execution.run(academy.organization, await claimed(execution, academy, BULK_ENROLL))
    outcome, done, error, state = await states(academy)
    assert (outcome, done, state) == ("failed", 0, "done")
    assert error.startswith("FORBIDDEN: ")
    assert await academy.rows("enrollment") == []


async def test_people_are_made_as_who_asked(runtime: Runtime, academy: Academy) -> None:
    boss = await academy.user("admin")
    entries = [
        UserEntry(changes=UserChanges(email=f"{new_id().hex}@example.com", name="Ada", role=role))
        for role in ("learner", "owner")
    ]
    async with academy.work(academy.acting(boss)) as work:
        await bulk_change.write_later(
            work, entries, on_error="reject_failed_rows", seal_key=runtime.keyring.seal
        )
    execution = Execution(runtime)
    await execution.run(academy.organization, await claimed(execution, academy, BULK_USERS))
    assert (await states(academy))[0] == "failed", "an admin makes no owner"
    assert len(await academy.rows('"user"')) == 1


async def test_of_ten_thousand_each_has_a_result(
    runtime: Runtime, academy: Academy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the parts that there are: all but the one whose address somebody has."""
    monkeypatch.setattr(bulk_change, "_PART", 500)
    large = msgspec.structs.replace(academy.organization, plan=Plan.ENTERPRISE)
    enterprise, there = Academy(academy.parts, large), await academy.user()
    addresses = [f"{number}@bulk.example.com" for number in range(9_999)]
    addresses.insert(7_000, there.email)
    entries = [UserEntry(changes=UserChanges(email=each, name="Ada")) for each in addresses]
    async with enterprise.work(enterprise.acting(await academy.user("owner"))) as work:
        await bulk_change.write_later(
            work, entries, on_error="reject_failed_rows", seal_key=runtime.keyring.seal
        )
    execution = Execution(runtime)
    await execution.run(large, await claimed(execution, enterprise, BULK_USERS))
    assert await states(academy) == ("done", 10_000, None, "done")
    results = await academy.rows("bulk_result")
    assert sorted(row["number"] for row in results) == list(range(10_000))
    assert [row["number"] for row in results if not row["created"]] == [7_000]
    assert len(await academy.rows('"user"')) == 9_999 + 2
