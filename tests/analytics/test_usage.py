import json
import re
import secrets

import pytest

from academy import Academy
from harka.analytics import usage
from harka.errors import ForbiddenError, UnauthenticatedError
from harka.learning import content, progress
from harka.learning.content import ContentDraft
from harka.queue.message import PLATFORM, USAGE_TOPIC
from harka.repositories.usage import MEASURE
from harka.storage.statement import Statement
from harka.tenancy.permission import Permission

TABLES_OF_TENANTS = Statement(
    "test.tables_of_tenants",
    """SELECT relname::text AS name FROM pg_class
    JOIN pg_attribute ON attrelid = pg_class.oid AND attname = 'tenant_id'
    WHERE $1::uuid IS NOT NULL AND relkind = 'r'
      AND relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = '{schema}.usage'::regclass)""",
)
BLOCKS_OF_MEASURING = Statement(
    "test.blocks_of_measuring", f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {MEASURE.text}"
)
OF_OTHER_ROWS = {
    "rollup",
    "rollup_change",
    "search_word",
    "search_spelling",
    "usage",
    "user_activity",
    "user_group_path",
    "file_ledger",
}
FOR_A_TIME = {
    "event",
    "event_horizon",
    "session",
    "idempotency",
    "password_reset",
    "sso_attempt",
    "sso_session",
    "webhook_delivery",
    "bulk_change",
    "bulk_result",
    "bulk_operation",
    "health_alert",
    "invitation",
    "invitation_group",
    "job_pace",
}
FEW = {
    # of each person, or of what is counted
    "password",
    "totp",
    "recovery_code",
    "passkey",
    "sso_identity",
    "mail_refusal",
    "user_scope",
    "course_tag",
    "module_unlock",
    "module_prerequisite",
    "submission_file",
    "file",
    # of an organization
    "custom_role",
    "branding",
    "branding_asset",
    "webhook_endpoint",
    "sso_connection",
    "mail_sender",
}
UNCOUNTED = OF_OTHER_ROWS | FOR_A_TIME | FEW


async def test_usage_counts_people_and_bytes_of_the_tenant_alone(academy: Academy, rival: Academy) -> None:
    subject, (active, _) = await academy.course(), [await academy.user() for _ in range(2)]
    made = await academy.enrollment(active, subject)
    async with academy.work() as work:
        lesson = (await academy.lessons(subject))[0]
        await progress.record(work, enrollment_id=made.id, lesson_id=lesson.id, fraction=1)

    async with academy.work() as work:
        measured = await usage.measure(work)
    assert academy.statements == 1
    async with rival.work() as work:
        nothing = await usage.measure(work)

    assert (measured.active_users, measured.total_users) == (1, 2)
    assert 500 < measured.storage_bytes < 5000
    assert (nothing.active_users, nothing.total_users, nothing.storage_bytes) == (0, 0, 0)


async def test_what_people_write_is_in_the_bytes(academy: Academy, rival: Academy) -> None:
    """A megabyte of lessons was 800 bytes of them."""
    text = secrets.token_hex(10_000)
    for each in (academy, rival):
        lesson = (await each.lessons(await each.course()))[0]
        async with each.work() as work:
            before = (await usage.measure(work)).storage_bytes
            drafts = [ContentDraft(kind="text", title="Read", text=text) for _ in range(3)]
            for draft in drafts[: 3 if each is academy else 1]:
                await content.create(work, lesson.id, draft)
            grown = (await usage.measure(work)).storage_bytes - before
        pieces = 3 if each is academy else 1
        assert pieces * 10_000 < grown < (pieces + 1) * 20_000


async def test_measuring_reads_no_text(academy: Academy) -> None:
    """It is done every minute: a gigabyte of lessons is not to be read for its length."""
    lesson = (await academy.lessons(await academy.course()))[0]

    async def blocks() -> int:
        async with academy.work() as work:
            (row,) = await work.session.fetch(BLOCKS_OF_MEASURING, usage.ACTIVE_DAYS)
        plan = json.loads(row[0])[0]["Plan"]
        return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])

    before = await blocks()
    async with academy.work() as work:
        for _ in range(10):
            draft = ContentDraft(kind="text", title="Read", text=secrets.token_hex(20_000))
            await content.create(work, lesson.id, draft)
    # 40 kB each are five blocks and more
    assert await blocks() - before < 20


async def test_every_table_is_counted_or_passes(academy: Academy) -> None:
    """So that one made later is thought of."""
    async with academy.work(read_only=True) as work:
        there = {row["name"] for row in await work.session.fetch(TABLES_OF_TENANTS)}
    counted = {name.strip('"') for name in re.findall(r"FROM \{schema\}\.(\S+) t ", MEASURE.text)}
    assert (counted & UNCOUNTED, counted - there) == (set(), set())
    assert there - counted == UNCOUNTED


async def test_a_day_has_one_row_with_its_last_measurement(academy: Academy) -> None:
    async with academy.work(read_only=True) as work:
        assert await usage.latest(work) is None
    await academy.user()
    async with academy.work() as work:
        await usage.measure(work)
    await academy.user()
    async with academy.work() as work:
        measured = await usage.measure(work)

    async with academy.work(read_only=True) as work:
        assert await usage.latest(work) == measured
    assert measured.total_users == 2
    assert len(await academy.rows("usage")) == 1


async def test_a_measurement_is_announced_to_every_process(academy: Academy) -> None:
    await academy.user()

    async with academy.parts.pubsub.subscribe(PLATFORM, USAGE_TOPIC) as announcements:
        async with academy.work() as work:
            measured = await usage.measure(work)
        heard = (await anext(announcements)).payload

    assert heard == {
        "tenant": str(academy.organization.id),
        "activeUsers": 0,
        "totalUsers": 1,
        "storageBytes": measured.storage_bytes,
    }


async def test_usage_is_for_who_may_read_the_organization(academy: Academy) -> None:
    for context, error in (
        (academy.anonymous(), UnauthenticatedError),
        (academy.key(Permission.COURSE_READ), ForbiddenError),
    ):
        for call in (usage.measure, usage.latest):
            with pytest.raises(error):
                async with academy.work(context) as work:
                    await call(work)

    assert await academy.rows("usage") == []
