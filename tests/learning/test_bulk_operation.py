"""A query that a job runs: how many there may be, who may read its file, and that a part counts once."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from academy import Academy
from harka.crypto.envelope import BrokenSealError
from harka.errors import ConflictError, ForbiddenError, NotFoundError, PlanLimitError, QueueLimitError
from harka.files.store import FileStore
from harka.ids import new_id
from harka.learning import bulk_operation
from harka.learning.bulk_operation import LEFT, MOST_OPEN, Part, QueryDraft
from harka.repositories.bulk_operation import BulkOperation, NewPart
from harka.storage.statement import Statement
from harka.tenancy.context import TenantContext
from harka.tenancy.permission import Permission

KEY = bytes(32)
DRAFT = QueryDraft(query="{ a }", variables="{}", document="{ b }")
PART = Part(b'{"id":1}\n', 1, "cursor", last=True)
AGED = Statement(
    "test.aged",
    "UPDATE {schema}.bulk_operation SET created_at = created_at - interval '8 days' WHERE tenant_id = $1",
)
IN_THE_CLEAR = Statement(
    "test.in_the_clear",
    """UPDATE {schema}.bulk_operation SET sealed = NULL, query = $2::text, variables = $3::text,
      document = $4::text WHERE tenant_id = $1""",
)
JOB_ENDED = Statement(
    "test.job_ended",
    """UPDATE {schema}.job SET state = $2::text, error = 'lost', leased_until = NULL,
      finished_at = now() - make_interval(secs => $3::float8) WHERE tenant_id = $1""",
)
JOB_GONE = Statement("test.job_gone", "DELETE FROM {schema}.job WHERE tenant_id = $1")
FILLED = Statement(
    "test.filled",
    """INSERT INTO {schema}.file_ledger (tenant_id, bytes) SELECT $1::uuid, 9000000000000""",
)


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(f"file://{tmp_path}", KEY)


async def asked(academy: Academy, context: TenantContext | None = None) -> BulkOperation:
    async with academy.work(context) as work:
        return await bulk_operation.create(work, DRAFT, seal_key=KEY)


async def row(academy: Academy) -> dict[str, Any]:
    (found,) = await academy.rows("bulk_operation")
    return found


async def written(academy: Academy, store: FileStore, id_: Any, part: Part = PART) -> NewPart:
    return await bulk_operation.write_part(store, academy.organization.id, id_, 0, part)


async def add(academy: Academy, id_: Any, part: NewPart, after: int) -> None:
    async with academy.work() as work:
        await bulk_operation.add_part(work, id_, part, after=after)


async def done(academy: Academy, store: FileStore, context: TenantContext | None = None) -> BulkOperation:
    operation = await asked(academy, context)
    await add(academy, operation.id, await written(academy, store, operation.id), 0)
    async with academy.work() as work:
        so_far = await bulk_operation.progress(work, operation.id)
    await bulk_operation.write_result(store, academy.organization.id, operation.id, so_far)
    async with academy.work() as work:
        await bulk_operation.finish(work, store, operation.id, so_far)
    async with academy.work() as work:
        return (await bulk_operation.find_many(work, [operation.id]))[operation.id]


async def test_so_many_wait_and_no_more(academy: Academy) -> None:
    for _ in range(MOST_OPEN):
        await asked(academy)
    before = await academy.state()
    with pytest.raises(QueueLimitError):
        await asked(academy)
    assert await academy.state() == before


async def test_what_is_asked_for_is_sealed_at_rest(academy: Academy, rival: Academy) -> None:
    """Query, variables and document may name people; it opens as this operation's of this tenant alone."""
    name = "ada@example.com"
    draft = QueryDraft(query=f'{{ a(b: "{name}") }}', variables=f'{{"c": "{name}"}}', document=f'"{name}"')
    async with academy.work() as work:
        made = await bulk_operation.create(work, draft, seal_key=KEY)
        other = await bulk_operation.create(work, draft, seal_key=KEY)
        so_far = await bulk_operation.progress(work, made.id)
    assert name not in await academy.state()
    for of in (made, so_far):
        assert bulk_operation.asked_for(of, tenant=academy.organization.id, seal_key=KEY) == draft
    swapped = msgspec.structs.replace(made, sealed=other.sealed)
    for wrong, tenant in ((swapped, academy.organization.id), (made, rival.organization.id)):
        with pytest.raises(BrokenSealError):
            bulk_operation.asked_for(wrong, tenant=tenant, seal_key=KEY)


async def test_one_of_before_it_was_sealed_is_read_as_it_is(academy: Academy) -> None:
    id_ = (await asked(academy)).id
    async with academy.work() as work:
        await work.session.execute(IN_THE_CLEAR, DRAFT.query, DRAFT.variables, DRAFT.document)
        (found,) = await bulk_operation.list_page(work, after=None, first=1)
        so_far = await bulk_operation.progress(work, id_)
    for of in (found, so_far):
        assert bulk_operation.asked_for(of, tenant=academy.organization.id, seal_key=KEY) == DRAFT


async def test_nobody_asks_without_the_permission(academy: Academy) -> None:
    context = academy.key(Permission.JOB_READ, Permission.USER_READ)
    with pytest.raises(ForbiddenError):
        await asked(academy, context)
    assert await academy.rows("job") == []


async def test_of_two_workers_at_the_same_part_one_counts(academy: Academy, store: FileStore) -> None:
    id_ = (await asked(academy)).id
    ours = await written(academy, store, id_)
    theirs = await written(academy, store, id_, Part(b'{"id":2}\n', 1, "other", last=False))
    assert ours.name != theirs.name
    for part in (theirs, ours):
        await add(academy, id_, part, 0)
    found = await row(academy)
    assert (found["parts"], found["objects"], found["cursor"]) == ([theirs.name], 1, "other")


async def test_only_who_asked_and_may_still_do_as_much_reads_the_file(
    academy: Academy, store: FileStore
) -> None:
    boss, other = await academy.user("admin"), await academy.user("admin")
    operation = await done(academy, store, academy.acting(boss))
    narrow = academy.acting(boss)
    narrow = type(narrow)(
        organization=narrow.organization,
        actor=narrow.actor,
        user=boss,
        permissions=narrow.permissions - {Permission.USER_READ},
    )
    urls = {}
    for name, context in (("boss", academy.acting(boss)), ("other", academy.acting(other)), ("less", narrow)):
        async with academy.work(context, read_only=True) as work:
            urls[name] = bulk_operation.download_url(work, store, operation) is not None
    assert urls == {"boss": True, "other": False, "less": False}


async def test_what_is_cancelled_leaves_nothing_and_goes_no_further(
    academy: Academy, store: FileStore
) -> None:
    id_ = (await asked(academy)).id
    part = await written(academy, store, id_)
    await add(academy, id_, part, 0)
    for _ in range(2):
        async with academy.work() as work:
            cancelled = await bulk_operation.cancel(work, store, id_)
        assert cancelled.state == "cancelled"
    assert await store.find(academy.organization.id, f"bulk/{id_.hex}/parts/{part.name}") is None
    (job,) = await academy.rows("job")
    assert job["state"] == "cancelled"
    await add(academy, id_, part, 1)
    assert (await row(academy))["objects"] == 1


async def test_what_is_over_is_not_cancelled(academy: Academy, store: FileStore) -> None:
    operation = await done(academy, store)
    before = await academy.state()
    for id_, version, error in (
        (operation.id, None, ConflictError),
        (operation.id, operation.version + 1, ConflictError),
        (new_id(), None, NotFoundError),
    ):
        with pytest.raises(error):
            async with academy.work() as work:
                await bulk_operation.cancel(work, store, id_, version=version)
    assert await academy.state() == before


async def test_a_file_takes_room_until_it_is_forgotten(academy: Academy, store: FileStore) -> None:
    operation = await done(academy, store)
    (ledger,) = await academy.rows("file_ledger")
    assert ledger["bytes"] == len(PART.lines)
    place = f"bulk/{operation.id.hex}/result.jsonl"
    assert await store.find(academy.organization.id, place) is not None
    for forgotten in (0, 1):
        async with academy.work() as work:
            assert await bulk_operation.forget_old(work, store) == forgotten
            await work.session.execute(AGED)
    (ledger,) = await academy.rows("file_ledger")
    assert (ledger["bytes"], await academy.rows("bulk_operation")) == (0, [])
    assert await store.find(academy.organization.id, place) is None


@pytest.mark.parametrize(("state", "outcome"), [("dead", "failed"), ("cancelled", "cancelled")])
async def test_an_operation_whose_job_is_over_without_it_is_over_in_a_while(
    academy: Academy, store: FileStore, state: str, outcome: str
) -> None:
    """Its parts take no room of the organization's: they are not to lie there for days."""
    id_ = (await asked(academy)).id
    part = await written(academy, store, id_)
    await add(academy, id_, part, 0)
    place = f"bulk/{id_.hex}/parts/{part.name}"
    for seconds, ended in ((0.0, 0), (LEFT.total_seconds() - 60, 0), (LEFT.total_seconds() + 1, 1)):
        async with academy.work() as work:
            assert await bulk_operation.end_left(work, store) == 0, "its job waits, or has just ended"
            await work.session.execute(JOB_ENDED, state, seconds)
        async with academy.work() as work:
            assert await bulk_operation.end_left(work, store) == ended
        assert (await store.find(academy.organization.id, place) is None) == bool(ended)
    found = await row(academy)
    assert (found["outcome"], found["error"], found["room"]) == (outcome, "lost", 0)


async def test_an_operation_whose_job_is_gone_is_over(academy: Academy, store: FileStore) -> None:
    await asked(academy)
    async with academy.work() as work:
        await work.session.execute(JOB_GONE)
    async with academy.work() as work:
        assert await bulk_operation.end_left(work, store) == 1
    assert (await row(academy))["outcome"] == "cancelled"


async def test_without_room_there_is_no_file(academy: Academy, store: FileStore) -> None:
    async with academy.work() as work:
        await work.session.execute(FILLED)
    with pytest.raises(PlanLimitError):
        await done(academy, store)
    assert (await row(academy))["outcome"] is None
