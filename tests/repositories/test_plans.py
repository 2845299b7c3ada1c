"""Hot statements find their rows by an index, under row-level security, however large the tables are."""

import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from academy import Academy
from harka.config import Settings
from harka.repositories import (
    bulk_change,
    bulk_operation,
    category,
    certificate,
    certificate_list,
    completion,
    course,
    course_analytics,
    course_version,
    enrollment,
    enrollment_list,
    event,
    file,
    group,
    group_list,
    group_manager,
    group_member,
    invitation,
    job,
    job_run,
    lesson,
    mail_topic,
    module,
    passkey,
    password,
    path,
    path_enrollment,
    path_enrollment_list,
    progress,
    quiz,
    quiz_attempt,
    quiz_attempt_list,
    quiz_question,
    role,
    rollup,
    scim_group,
    scim_user,
    search,
    session,
    sso_session,
    submission,
    tag,
    unlock,
    user,
    webhook_delivery,
    webhook_endpoint,
)
from harka.repositories.page import OLDEST_FIRST, Order, Pages, position_of, statements_of
from harka.repositories.scope import Scope
from harka.storage.migrate import connected
from harka.storage.statement import Statement
from repositories.scim_shapes import BY_INDEX

BIG = {
    *("search_word", "search_spelling", "file", "learning_path_enrollment", "certificate"),
    *("user", "user_group", "user_group_path", "user_group_member", "user_scope"),
    *("enrollment", "lesson_progress", "quiz_question", "quiz_attempt", "job"),
    *("session", "password", "event", "webhook_delivery", "scim_user"),
}
# indexes of the few rows that wait or run
PARTIAL = {
    "job_line",
    "job_running",
    "job_dead",
    "job_lane",
    "job_dedupe",
    "job_finished",
    "file_pending",
    "file_overdue",
    "webhook_delivery_due",
    "webhook_delivery_leased",
}


STATEMENTS = (
    user.FIND_BY_IDS,
    group_member.DELETE_OF_USER,
    scim_user.FIND_BY_IDS,
    scim_user.EXTERNAL_IDS,
    scim_user.TAKERS,
    scim_user.GROUPS_OF,
    *BY_INDEX,
    scim_group.FIND_BY_IDS,
    scim_group.EXTERNAL_IDS,
    scim_group.NAME,
    scim_group.MEMBERS,
    scim_group.MEMBERSHIP,
    user.FIND_BY_EMAILS,
    user.FIND_ACTING,
    user.FIND_VISIBLE,
    user.STATUSES,
    user.LOCK,
    user.LOCK_MANY,
    user.UPDATE_MANY,
    user.COUNT_OF_MANAGER,
    *statements_of(user.PAGES_OF_MANAGER),
    user.COUNT_OF_GROUP,
    *statements_of(user.PAGES_OF_GROUP),
    course.FIND_VISIBLE,
    tag.OF_COURSES,
    course.FIND_VISIBLE_BY_CODES,
    *statements_of(course_version.PAGES_OF_COURSE),
    *statements_of(course_version.FIRST_OF_COURSES),
    course_version.COUNT_OF_COURSES,
    course_version.BEGIN_NEXT,
    course_version.KEEP_MANY,
    module.FIND_BY_COURSES,
    module.FIND_ALL_BY_COURSES,
    module.FIND_VISIBLE,
    module.DELETE,
    lesson.FIND_BY_COURSES,
    lesson.FIND_BY_MODULES,
    lesson.FIND_ALL_BY_MODULES,
    lesson.FIND_IN_MODULES_OF,
    lesson.FIND_ALL_IN_MODULES_OF,
    lesson.FIND_VISIBLE,
    lesson.DELETE,
    lesson.TAKEN_BY,
    enrollment.FIND_VISIBLE,
    *statements_of(enrollment_list.PAGES_OF_USER),
    *statements_of(enrollment_list.PAGES_OF_COURSE),
    *statements_of(enrollment_list.PAGES_OF_MANAGER),
    *statements_of(enrollment_list.FIRST_OF_USERS),
    *statements_of(enrollment_list.FIRST_OF_COURSES),
    *statements_of(enrollment_list.OF_USER_IN_COURSES),
    enrollment_list.COUNT_OF_MANAGER,
    enrollment_list.COUNT_OF_USERS,
    enrollment_list.COUNT_OF_COURSES,
    enrollment.LOCK,
    enrollment.SEATS_TAKEN,
    enrollment.UPDATE,
    enrollment.WITHDRAW_MANY,
    file.FIND_BY_IDS,
    *statements_of(file.PAGES_OF_USER),
    file.COUNT_PENDING,
    file.LOCK,
    file.COMPLETE,
    file.DELETE,
    file.DELETE_ABANDONED,
    file.HANDED_IN,
    submission.FIND_VISIBLE,
    submission.FIND_BY_ENROLLMENTS,
    submission.OF_USER,
    *statements_of(submission.PAGES),
    group.FIND_BY_IDS,
    *statements_of(group.FIRST_OF_PARENTS),
    *statements_of(group.PAGES_OF_PARENT),
    group.COUNT_OF_PARENTS,
    group.MANAGED,
    group.LOCK,
    group.PLACE,
    group.UPDATE,
    group.DELETE,
    group.DETACH,
    group.ATTACH,
    *statements_of(group_list.FIRST_OF_GROUPS),
    *statements_of(group_list.PAGES_OF_GROUP),
    *statements_of(group_list.FIRST_OF_USERS),
    *statements_of(group_list.PAGES_OF_USER),
    *group_list.COUNT_OF_GROUPS.values(),
    *group_list.COUNT_OF_USERS.values(),
    group_member.DELETE_MANY,
    group_manager.DELETE,
    path_enrollment.FIND_VISIBLE,
    *statements_of(path_enrollment_list.PAGES_OF_USER),
    *statements_of(path_enrollment_list.PAGES_OF_PATH),
    *statements_of(path_enrollment_list.PAGES_OF_MANAGER),
    path_enrollment_list.COUNT_OF_MANAGER,
    *statements_of(path_enrollment_list.FIRST_OF_USERS),
    *statements_of(path_enrollment_list.FIRST_OF_PATHS),
    *statements_of(path_enrollment_list.OF_USER_ON_PATHS),
    path_enrollment_list.COUNT_OF_USERS,
    path_enrollment_list.COUNT_OF_PATHS,
    certificate.ISSUE_OF_PATHS,
    path_enrollment.LOCK_OF_COMPLETED,
    path_enrollment.LOCK_OF_PATH,
    path_enrollment.RECALCULATE,
    path_enrollment.UNLOCKED,
    progress.FIND_VISIBLE,
    progress.FIND_BY_ENROLLMENTS,
    progress.FIND_ONE,
    progress.LOCK_TARGET,
    progress.RECALCULATE,
    unlock.GUARDS,
    unlock.LOCKS_OF_USER,
    completion.FIND_VISIBLE,
    completion.FIND_BY_ENROLLMENTS,
    certificate.ISSUE_MANY,
    certificate.FIND_VISIBLE,
    certificate.FIND_BY_SERIAL,
    *statements_of(certificate_list.FIRST_OF_USERS),
    certificate_list.COUNT_OF_USERS,
    certificate.FIND_BY_ENROLLMENTS,
    certificate.FIND_BY_PATH_ENROLLMENTS,
    *statements_of(certificate_list.PAGES_OF_USER),
    *statements_of(certificate_list.PAGES_OF_COURSE),
    *statements_of(certificate_list.PAGES_OF_MANAGER),
    certificate_list.COUNT_OF_MANAGER,
    quiz.FIND_BY_IDS,
    quiz.FIND_BY_LESSONS,
    quiz_question.FIND_BY_QUIZZES,
    quiz_attempt.FIND_VISIBLE,
    *statements_of(quiz_attempt_list.PAGES_OF_ENROLLMENT),
    *statements_of(quiz_attempt_list.FIRST_OF_ENROLLMENTS),
    quiz_attempt_list.COUNT_OF_ENROLLMENTS,
    *statements_of(quiz_attempt_list.PAGES_OF_QUIZ),
    *statements_of(quiz_attempt_list.FIRST_OF_QUIZZES),
    quiz_attempt_list.COUNT_OF_QUIZZES,
    quiz_attempt.BEST_OF_ENROLLMENTS,
    quiz_attempt.SHEETS,
    quiz_attempt.LATEST,
    quiz_attempt.SUBMISSION,
    quiz_attempt.GRADE,
    invitation.FIND_BY_IDS,
    *statements_of(invitation.PAGES),
    invitation.GROUPS_OF,
    invitation.REPLACE,
    invitation.LOCK_BY_TOKEN,
    invitation.JOIN_GROUPS,
    invitation.REVOKE,
    webhook_endpoint.FIND_BY_IDS,
    webhook_endpoint.LOCK,
    webhook_endpoint.LOCK_ALL,
    webhook_endpoint.ROTATE,
    webhook_endpoint.NOTE,
    webhook_delivery.FIND_BY_IDS,
    *statements_of(webhook_delivery.PAGES),
    webhook_delivery.COUNT,
    webhook_delivery.COUNT_LEASED,
    webhook_delivery.DISPATCH,
    webhook_delivery.TAKE,
    webhook_delivery.NOTE,
    webhook_delivery.RETRY,
    webhook_delivery.RETRY_MANY,
    mail_topic.IS_IN_CHARGE,
    webhook_delivery.RENEW,
    webhook_delivery.DELETE_OLD,
    bulk_change.FIND_BY_IDS,
    *statements_of(bulk_change.PAGES),
    bulk_change.LOCK,
    bulk_change.ADVANCE,
    bulk_change.FAIL,
    bulk_change.PAGE_OF_RESULTS,
    bulk_operation.FIND_BY_IDS,
    *statements_of(bulk_operation.PAGES),
    bulk_operation.PROGRESS,
    bulk_operation.ADD_PART,
    bulk_operation.END,
    bulk_operation.END_LEFT,
    job.CANCEL,
    job.DELETE_ENDED,
    job.FIND_BY_IDS,
    job.HOLD_WAITING,
    passkey.FIND_BY_CREDENTIAL,
    *statements_of(passkey.PAGES),
    passkey.COUNT,
    session.FIND_BY_IDS,
    *statements_of(session.PAGES),
    session.COUNT,
    session.HOLD,
    session.REVOKE,
    session.REVOKE_OTHERS,
    session.LIVE,
    session.TOUCH,
    session.DELETE_OLD,
    sso_session.REVOKE_OF_CONNECTION,
    sso_session.REVOKE_OF_SID,
    sso_session.REVOKE_OF_SUBJECT,
    password.FIND_BY_EMAIL,
    password.FIND_BY_USER,
    password.SET,
    password.REHASH,
    event.FIND_BY_IDS,
    *statements_of(event.PAGES),
    event.DELETE_OLD,
    event.IS_GONE,
    job.INSERT_UNLESS_RECENT,
    job.PLACES,
    job.RETRY,
    job_run.BEAT,
    job_run.CLAIM,
    job_run.DEFER,
    job_run.FAIL,
    job_run.FINISH,
    job_run.OUTLOOK,
    rollup.READ,
    course_analytics.FUNNEL,
    course_analytics.LESSONS,
    search.SPELLED_LIKE,
    search.FIND_BEST,
)


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda statement: statement.name)
async def test_no_large_table_is_read_from_end_to_end(
    crowd: Academy, academy_settings: Settings, statement: Statement
) -> None:
    async with prepared(academy_settings, crowd, statement) as connection:
        nothing = ", ".join(["NULL"] * len(set(re.findall(r"\$\d+", statement.text))))
        plan = await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE it ({nothing})")

    read = [node for node in nodes(plan) if node.get("Relation Name") in BIG and "Scan" in node["Node Type"]]
    # by the tenant alone an index is read from end to end, like the table
    whole = [
        node["Node Type"]
        for node in read
        if node.get("Index Cond", "(tenant_id = $1)") == "(tenant_id = $1)"
        and node["Node Type"] != "Bitmap Heap Scan"
        and node.get("Index Name") not in PARTIAL
    ]
    assert whole == [], plan


async def test_a_page_reads_no_more_than_it_shows(crowd: Academy, academy_settings: Settings) -> None:
    some, first = await any_enrollment(crowd), enrollment_list.PAGES_OF_COURSE[OLDEST_FIRST].first
    async with prepared(academy_settings, crowd, first) as connection:
        plan = await connection.fetchval(
            f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE it ('{crowd.organization.id}', NULL, NULL,"
            f" '{some.course_id}', {', '.join(['NULL'] * 8)}, 20)"
        )

    assert rows_read(plan) == {"enrollment": 20}


ORDERS = [
    pytest.param(table, noun, pages, order, id=f"{table}.{order.by}.{order.direction}")
    for table, noun, pages in (
        ("user", user.User, user.PAGES),
        ("course", course.Course, course.PAGES),
        ("enrollment", enrollment.Enrollment, enrollment_list.PAGES),
        ("file", file.File, file.PAGES),
        ("user_group", group.Group, group.PAGES),
        ("learning_path", path.LearningPath, path.PAGES),
        ("learning_path_enrollment", path_enrollment.PathEnrollment, path_enrollment_list.PAGES),
        ("certificate", certificate.Certificate, certificate_list.PAGES),
        ("category", category.Category, category.PAGES),
        ("tag", tag.Tag, tag.PAGES),
        ("custom_role", role.CustomRole, role.PAGES),
        ("event", event.Event, event.PAGES),
        ("job", job.Job, job.PAGES),
    )
    for order in pages
    # what has no index on purpose
    if (table, order.by) != ("enrollment", "progress")
]


@pytest.mark.parametrize(("table", "noun", "pages", "order"), ORDERS)
async def test_a_page_reads_no_more_than_it_shows_in_any_order(
    crowd: Academy,
    academy_settings: Settings,
    table: str,
    noun: Any,
    pages: dict[Order, Pages],
    order: Order,
) -> None:
    # of courses: everything is visible, to nobody in particular
    before = {
        "user": ", ".join(["NULL"] * 6),
        "course": "true, NULL, NULL, NULL, NULL, NULL",
        "enrollment": ", ".join(["NULL"] * 11),
        "file": "NULL, NULL, NULL, false",
        "user_group": "NULL, NULL",
        "learning_path": "true, NULL, NULL, NULL",
        "learning_path_enrollment": ", ".join(["NULL"] * 7),
        "certificate": ", ".join(["NULL"] * 8),
        "category": "NULL",
        "tag": "NULL",
        "custom_role": "NULL, NULL",
        "job": "NULL, NULL",
    }
    # of events the number comes first
    shown = "20, NULL" if table == "event" else f"{before[table]}, 20"
    asked = f"'{crowd.organization.id}', {shown}"
    fields = noun.__struct_fields__
    async with prepared(academy_settings, crowd, pages[order].first) as connection:
        execute = f"EXECUTE it ({asked})"
        rows = await connection.fetch(execute)
        first = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {execute}")
    position = position_of(noun(**dict(zip(fields, rows[-1].values(), strict=True))), order)
    async with prepared(academy_settings, crowd, pages[order].after) as connection:
        execute = f"EXECUTE it ({asked}, '{position[0]}', '{position[1]}')"
        after = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {execute}")

    assert len(rows) == 20
    for plan in (first, after):
        # one more where the index does not know that its keys are unique
        assert rows_read(plan)[table] <= 22, plan


async def test_progress_is_worked_out_from_the_rows_of_its_enrollment(
    crowd: Academy, academy_settings: Settings
) -> None:
    some = await any_enrollment(crowd)
    async with prepared(academy_settings, crowd, progress.RECALCULATE) as connection:
        plan = await connection.fetchval(
            f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE it ('{crowd.organization.id}', '{{{some.id}}}')"
        )

    # once to be measured, once to be written; there are few courses
    assert rows_read(plan) - Counter(course=100) == {"enrollment": 2, "lesson": 100, "lesson_progress": 2}


@pytest.mark.parametrize(
    "statement", [module.FIND_BY_COURSES, lesson.FIND_IN_MODULES_OF], ids=["modules", "lessons"]
)
async def test_an_outline_is_not_joined_to_its_courses(
    crowd: Academy, academy_settings: Settings, statement: Statement
) -> None:
    """Of small tenants among many each course would be looked up for each of its lessons."""
    async with prepared(academy_settings, crowd, statement) as connection:
        plan = await connection.fetchval("EXPLAIN (FORMAT JSON) EXECUTE it (NULL, NULL, NULL, NULL)")

    assert not {"Nested Loop", "Hash Join", "Merge Join"} & {node["Node Type"] for node in nodes(plan)}, plan


SOME_MANAGER = Statement(
    "test.some_manager",
    "SELECT user_id FROM {schema}.user_scope WHERE tenant_id = $1 ORDER BY user_id LIMIT 1",
)


async def test_what_a_manager_of_groups_sees_is_read_from_their_people_on(
    crowd: Academy, academy_settings: Settings
) -> None:
    async with crowd.work(read_only=True) as work:
        manager = await work.session.fetch_value(SOME_MANAGER)
    tenant = f"'{crowd.organization.id}'"
    read = []
    for statement, asked in (
        (
            user.PAGES_OF_MANAGER[OLDEST_FIRST].first,
            f"{tenant}, {', '.join(['NULL'] * 6)}, 20, '{manager}'",
        ),
        (user.COUNT_OF_MANAGER, f"{tenant}, {', '.join(['NULL'] * 6)}, '{manager}'"),
        (
            enrollment_list.PAGES_OF_MANAGER[OLDEST_FIRST].first,
            f"{tenant}, {', '.join(['NULL'] * 11)}, 20, '{manager}'",
        ),
        (enrollment_list.COUNT_OF_MANAGER, f"{tenant}, {', '.join(['NULL'] * 11)}, '{manager}'"),
    ):
        async with prepared(academy_settings, crowd, statement) as connection:
            plan = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE it ({asked})")
        read.append(rows_read(plan))

    # five people in each group, ten enrollments of each
    assert [(each["user"], each["enrollment"]) for each in read] == [(5, 0), (5, 0), (0, 50), (0, 50)]


async def any_enrollment(academy: Academy) -> enrollment.Enrollment:
    async with academy.work(read_only=True) as work:
        (some,) = await enrollment_list.list_page(work.session, Scope(everything=True), after=None, first=1)
        return some


@asynccontextmanager
async def prepared(
    settings: Settings, academy: Academy, statement: Statement
) -> AsyncIterator[asyncpg.Connection]:
    """The statement as `it`, with the plan that the pool's connections keep: made for whatever is asked."""
    url = settings.app_database_url
    assert url is not None
    async with connected(url) as connection, connection.transaction():
        await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        await connection.execute(f"SET LOCAL app.current_tenant = '{academy.organization.id}'")
        await connection.execute(f"PREPARE it AS {statement.in_schema(academy.organization.schema)}")
        yield connection


def nodes(plan: str) -> Iterator[dict[str, Any]]:
    waiting = [json.loads(plan)[0]["Plan"]]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += node.get("Plans", [])


def rows_read(plan: str) -> Counter[str]:
    """By table, with those that a filter then leaves out."""
    read: Counter[str] = Counter()
    for node in nodes(plan):
        if node["Node Type"].endswith("Scan") and "Relation Name" in node:
            left_out = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
            read[node["Relation Name"]] += round((node["Actual Rows"] + left_out) * node["Actual Loops"])
    return read
