"""A query over all that a list has: every node a line, once, whatever becomes of the worker."""

import asyncio
import signal
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from academy import Academy
from harka import config
from harka.codec import from_json
from harka.errors import HarkaError, RateLimitedError, UnavailableError
from harka.graph import schema
from harka.graph.asking import asker
from harka.graph.bulk_query import accept_query
from harka.graph.document import Documents
from harka.graph.limits import Limits
from harka.ids import NodeKind
from harka.learning import bulk_operation, user
from harka.learning.asking import Reply
from harka.learning.bulk_operation import QueryDraft
from harka.learning.user import UserChanges
from harka.queue.message import BULK_OPERATION
from harka.repositories.bulk_operation import BulkOperation
from harka.repositories.job_run import Run
from harka.repositories.user import User
from harka.runtime import Runtime
from harka.storage.statement import Statement
from harka.worker.execution import Execution
from harka.worker.handlers import bulk_operation as handler

QUERY = "{ users { nodes { id email role } } }"
PEOPLE = 5
OF_TWO = 4
"""Points of a page of two people."""

DUE = Statement("test.due", "UPDATE {schema}.job SET run_at = now() WHERE tenant_id = $1")

# a worker whose lease is over as soon as it is dead
KILLED = """
import asyncio, os, signal, sys
from uuid import UUID
from harka import config
from harka.opening import open_runtime
from harka.graph.asking import asker
from harka.worker.execution import Execution
from harka.worker.handlers import bulk_operation

add_part, added = bulk_operation.bulk_operation.add_part, 0

async def dying(*given, **how):
    global added
    added += 1
    if added == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    await add_part(*given, **how)

async def main(tenant):
    bulk_operation._PART_BYTES = 1
    bulk_operation.bulk_operation.add_part = dying
    async with open_runtime(config.load()) as runtime:
        organization = runtime.directory.current.records[tenant].organization
        execution = Execution(runtime, lease=-1.0, ask=asker(runtime))
        claim = await execution.claim(organization, 9)
        (run,) = [run for run in claim.runs if run.type == "bulk.operation"]
        await execution.run(organization, run)

asyncio.run(main(UUID(sys.argv[1])))
"""


@pytest.fixture(autouse=True)
def _parts_of_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handler, "_PART_BYTES", 1)


@pytest.fixture
async def boss(academy: Academy) -> User:
    for _ in range(PEOPLE - 1):
        await academy.user()
    return await academy.user("admin")


async def asked(runtime: Runtime, academy: Academy, boss: User, query: str = QUERY) -> BulkOperation:
    documents = Documents(schema.core(), Limits(), introspection=False)
    document = accept_query(documents, query, {}, most=OF_TWO).text
    draft = QueryDraft(query=query, variables="{}", document=document)
    async with academy.work(await academy.entering(boss)) as work:
        return await bulk_operation.create(work, draft, seal_key=runtime.keyring.seal)


async def claimed(execution: Execution, academy: Academy) -> Run:
    claim = await execution.claim(academy.organization, 9, lost=9)
    (run,) = [run for run in claim.runs if run.type == BULK_OPERATION]
    return run


async def run(runtime: Runtime, academy: Academy) -> dict[str, Any]:
    """The operation's row once its job has ended, which it has in any case."""
    execution = Execution(runtime, ask=asker(runtime))
    await execution.run(academy.organization, await claimed(execution, academy))
    (job,) = [each for each in await academy.rows("job") if each["type"] == BULK_OPERATION]
    assert job["state"] == "done"
    (row,) = await academy.rows("bulk_operation")
    return row


async def lines(runtime: Runtime, academy: Academy, operation: BulkOperation, boss: User) -> list[Any]:
    """What is read where the operation's address leads to."""
    tenant = academy.organization.id
    async with academy.work(await academy.entering(boss), read_only=True) as work:
        done = (await bulk_operation.find_many(work, [operation.id]))[operation.id]
        url = bulk_operation.download_url(work, runtime.files, done)
    assert url is not None
    link = runtime.files.open_link(tenant, url.rpartition("/")[2])
    content = b"".join([piece async for piece in runtime.files.read(tenant, link.path)])
    assert (len(content), content.count(b"\n")) == (done.bytes, done.objects)
    return [from_json(line) for line in content.splitlines()]


async def everybody(runtime: Runtime, academy: Academy) -> list[dict[str, Any]]:
    people = sorted(await academy.rows('"user"'), key=lambda row: (row["created_at"], row["id"]))
    return [
        {
            "id": runtime.node_ids.seal(academy.organization.id, NodeKind.USER, UUID(row["id"])),
            "email": row["email"],
            "role": row["role"].upper(),
        }
        for row in people
    ]


async def test_every_node_is_a_line_page_after_page(runtime: Runtime, academy: Academy, boss: User) -> None:
    operation = await asked(runtime, academy, boss)
    row = await run(runtime, academy)
    assert (row["outcome"], row["objects"], len(row["parts"]), row["room"]) == ("done", 5, 3, row["bytes"])
    assert await lines(runtime, academy, operation, boss) == await everybody(runtime, academy)
    place = f"bulk/{operation.id.hex}/parts/{row['parts'][0]}"
    assert await runtime.files.find(academy.organization.id, place) is None, (
        "the parts are of no use any more"
    )


async def test_after_a_killed_worker_each_line_is_there_once(
    runtime: Runtime, academy: Academy, boss: User, tmp_path: Path
) -> None:
    """A process of its own ends by `kill -9`, its second part written and not counted."""
    operation = await asked(runtime, academy, boss)
    arguments = (sys.executable, "-c", KILLED, str(academy.organization.id))
    environment = config.environment(runtime.settings)
    with (tmp_path / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*arguments, env=environment, stderr=log)
        ended = await process.wait()
    assert ended == -signal.SIGKILL, (tmp_path / "log").read_text()
    (row,) = await academy.rows("bulk_operation")
    assert (row["outcome"], row["objects"], len(row["parts"])) == (None, 2, 1)
    assert (await run(runtime, academy))["outcome"] == "done"
    assert await lines(runtime, academy, operation, boss) == await everybody(runtime, academy)


async def test_the_rest_has_another_turn_behind_others(
    runtime: Runtime, academy: Academy, boss: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation = await asked(runtime, academy, boss)
    monkeypatch.setattr(handler, "_TURN", 0.0)
    execution = Execution(runtime, ask=asker(runtime))
    for done in (2, 4, 5):
        await execution.run(academy.organization, await claimed(execution, academy))
        (job,) = [each for each in await academy.rows("job") if each["type"] == BULK_OPERATION]
        (row,) = await academy.rows("bulk_operation")
        assert (job["state"], job["attempts"], row["objects"]) == ("queued", 0, done)
    assert (await run(runtime, academy))["outcome"] == "done"
    assert await lines(runtime, academy, operation, boss) == await everybody(runtime, academy)


@pytest.mark.parametrize("failure", [RateLimitedError(retry_after=0.0), UnavailableError()], ids=repr)
async def test_what_was_read_before_a_refusal_is_kept(
    runtime: Runtime,
    academy: Academy,
    boss: User,
    monkeypatch: pytest.MonkeyPatch,
    failure: HarkaError,
) -> None:
    """Of two pages that would be one part the second is refused."""
    operation, asks = await asked(runtime, academy, boss), 0
    monkeypatch.setattr(handler, "_PART_BYTES", 1 << 20)
    answer = asker(runtime)

    async def ask(context: Any, text: str, variables: dict[str, Any]) -> Reply:
        nonlocal asks
        asks += 1
        if asks == 1:
            return await answer(context, text, variables)
        told = {"message": "Later.", "extensions": {"code": failure.code}}
        return Reply({"errors": [told]}, failure)

    execution = Execution(runtime, ask=ask)
    for done in (2, 4):
        asks = 0
        await execution.run(academy.organization, await claimed(execution, academy))
        (row,) = await academy.rows("bulk_operation")
        assert (row["outcome"], row["objects"]) == (None, done)
        async with academy.work() as work:
            await work.session.execute(DUE)
    assert (await run(runtime, academy))["outcome"] == "done"
    assert await lines(runtime, academy, operation, boss) == await everybody(runtime, academy)


async def test_an_empty_list_is_an_empty_file(runtime: Runtime, academy: Academy, boss: User) -> None:
    operation = await asked(runtime, academy, boss, "{ courses { nodes { id } } }")
    assert (await run(runtime, academy))["outcome"] == "done"
    assert await lines(runtime, academy, operation, boss) == []


async def test_who_may_not_any_more_reads_nothing_more(
    runtime: Runtime, academy: Academy, boss: User
) -> None:
    operation = await asked(runtime, academy, boss)
    async with academy.work() as work:
        await user.update(work, boss.id, UserChanges(role="learner"), version=boss.version)
    row = await run(runtime, academy)
    assert (row["outcome"], row["error_code"], row["objects"]) == ("failed", "FORBIDDEN", 0)
    async with academy.work(read_only=True) as work:
        failed = (await bulk_operation.find_many(work, [operation.id]))[operation.id]
        assert bulk_operation.download_url(work, runtime.files, failed) is None


async def test_what_is_too_long_fails_and_leaves_nothing(
    runtime: Runtime, academy: Academy, boss: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation = await asked(runtime, academy, boss)
    monkeypatch.setattr(handler, "MOST_BYTES", 400)
    row = await run(runtime, academy)
    assert (row["outcome"], row["error_code"], len(row["parts"])) == ("failed", "PAYLOAD_TOO_LARGE", 1)
    place = f"bulk/{operation.id.hex}/parts/{row['parts'][0]}"
    assert await runtime.files.find(academy.organization.id, place) is None
