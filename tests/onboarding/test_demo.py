"""The whole load, held against a count of the CSV files that shares no code with it."""

import csv
import gzip
from collections import Counter, defaultdict
from typing import Any

import msgspec
import pytest

from harka import clock
from harka.auth import api_key
from harka.onboarding import demo
from harka.onboarding.dataset import SHIPPED
from harka.onboarding.demo import DemoSummary, Loaded
from harka.onboarding.figures import Figures
from harka.repositories import api_key as api_keys
from harka.repositories.organization import Organization
from harka.storage.session import open_session
from harka.storage.statement import Statement
from onboarding.opened import Opened

WHOLE = {"East Anglian Region", "Scotland", "London Region"}

# every row is an invariant broken
BROKEN = Statement(
    "test.broken",
    """SELECT e.id FROM {schema}.enrollment e
    LEFT JOIN {schema}.completion c ON c.tenant_id = $1 AND c.enrollment_id = e.id
    WHERE e.tenant_id = $1 AND (
      (e.progress = 1) <> (e.status = 'completed') OR (c.id IS NOT NULL) <> (e.status = 'completed')
      OR c.completed_at <> e.completed_at OR (e.status = 'withdrawn') <> (e.withdrawn_at IS NOT NULL)
      OR EXISTS (SELECT FROM {schema}.lesson_progress p WHERE p.tenant_id = $1 AND p.enrollment_id = e.id
        AND (p.occurred_at < e.enrolled_at
          OR p.occurred_at > coalesce(e.completed_at, e.withdrawn_at, 'infinity'))))""",
)
LEARNER = Statement(
    "test.learner",
    """SELECT u.name, u.role, c.code, c.title, e.status, e.progress, e.enrolled_at, e.completed_at, e.due_at,
      array_agg(l.title || ' ' || coalesce(p.score::text, '-') ORDER BY m.position, l.position) AS lessons
    FROM {schema}."user" u
    JOIN {schema}.enrollment e ON e.tenant_id = $1 AND e.user_id = u.id
    JOIN {schema}.course c ON c.tenant_id = $1 AND c.id = e.course_id
    JOIN {schema}.lesson_progress p ON p.tenant_id = $1 AND p.enrollment_id = e.id
    JOIN {schema}.lesson l ON l.tenant_id = $1 AND l.id = p.lesson_id
    JOIN {schema}.module m ON m.tenant_id = $1 AND m.id = l.module_id
    WHERE u.tenant_id = $1 AND u.email = $2
    GROUP BY u.tenant_id, u.id, c.tenant_id, c.id, e.tenant_id, e.id""",
)
ENROLLMENTS = Statement(
    "test.enrollments",
    """SELECT u.email, c.code, e.status, count(p.score), coalesce(sum(p.score), 0)::int
    FROM {schema}.enrollment e
    JOIN {schema}."user" u ON u.tenant_id = $1 AND u.id = e.user_id
    JOIN {schema}.course c ON c.tenant_id = $1 AND c.id = e.course_id
    LEFT JOIN {schema}.lesson_progress p ON p.tenant_id = $1 AND p.enrollment_id = e.id
    WHERE e.tenant_id = $1 GROUP BY u.email, c.code, e.status, e.id""",
)
ROLES = Statement(
    "test.roles",
    'SELECT role, count(*) FROM {schema}."user" WHERE tenant_id = $1 GROUP BY role ORDER BY role',
)


class Run(msgspec.Struct, frozen=True):
    summary: DemoSummary
    reports: list[Loaded]


@pytest.fixture(scope="module")
async def demo_run(empty: Opened) -> Run:
    reports: list[Loaded] = []
    return Run(await demo.load(empty, reports.append), reports)


def rows(table: str) -> list[dict[str, str]]:
    with gzip.open(SHIPPED / f"{table}.csv.gz", "rt", newline="") as lines:
        return list(csv.DictReader(lines))


def scores_by_enrollment() -> dict[Any, list[str]]:
    course_of = {
        row["id_assessment"]: (row["code_module"], row["code_presentation"]) for row in rows("assessments")
    }
    results: defaultdict[Any, list[str]] = defaultdict(list)
    for row in rows("studentAssessment"):
        results[*course_of[row["id_assessment"]], row["id_student"]].append(row["score"])
    return results


def counted() -> dict[str, Figures]:
    """By mode, from the files alone."""
    lessons = Counter((row["code_module"], row["code_presentation"]) for row in rows("assessments"))
    results = scores_by_enrollment()
    people: defaultdict[str, set[Any]] = defaultdict(set)
    staff: defaultdict[str, set[Any]] = defaultdict(set)
    sums: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in rows("studentInfo"):
        module, code, region = row["code_module"], row["code_presentation"], row["region"]
        tenant = region if region in WHOLE else (region, module)
        mode = "DEDICATED" if region in WHOLE else "SCHEMA" if tenant == ("Wales", "BBB") else "POOL"
        people[mode].add((tenant, row["id_student"]))
        staff[mode] |= {(tenant, "owner"), (tenant, module, code)}
        scores = results.get((module, code, row["id_student"]), [])
        passed = row["final_result"] in {"Pass", "Distinction"}
        sums[mode]["enrollments"] += 1
        sums[mode]["completions"] += passed
        sums[mode]["results"] += lessons[module, code] + 1 if passed else len(scores)
        sums[mode]["marked"] += sum(score not in {"", "?"} for score in scores)
    return {
        mode: Figures(
            tenants=len({tenant for tenant, _ in people[mode]}),
            users=len(people[mode]) + len(staff[mode]),
            learners=len(people[mode]),
            **sums[mode],
        )
        for mode in sums
    }


async def fetch(services: Opened, tenant: Organization, statement: Statement, *args: Any) -> list[Any]:
    session = open_session(services.databases, tenant.location, tenant.id, read_only=True, timeout=20.0)
    try:
        return await session.fetch(statement, *args)
    finally:
        await session.rollback()


def test_what_is_loaded_equals_what_the_files_hold(demo_run: Run) -> None:
    expected = counted()
    assert demo_run.summary.modes == expected
    assert demo_run.summary.total == demo_run.summary.planned
    assert demo_run.summary.total == Figures(
        tenants=73,
        users=30_831,
        learners=30_476,
        enrollments=32_593,
        results=207_702,
        marked=173_739,
        completions=15_385,
    )


async def test_every_enrollment_is_there_once_with_its_status_and_scores(
    demo_run: Run, empty: Opened
) -> None:
    statuses = {"Pass": "completed", "Distinction": "completed", "Withdrawn": "withdrawn", "Fail": "active"}
    results = scores_by_enrollment()
    expected = []
    for row in rows("studentInfo"):
        module, code, region = row["code_module"], row["code_presentation"], row["region"]
        slug = region.removesuffix(" Region").lower().replace(" ", "-")
        slug += "" if region in WHOLE else f"-{module.lower()}"
        scores = [int(score) for score in results.get((module, code, row["id_student"]), []) if score]
        email = f"learner-{row['id_student']}@{slug}.example"
        expected.append((email, f"{module}-{code}", statuses[row["final_result"]], len(scores), sum(scores)))
    found = [
        tuple(row)
        for tenant in await empty.organizations()
        for row in await fetch(empty, tenant, ENROLLMENTS)
    ]
    assert len(found) == 32_593
    assert sorted(found) == sorted(expected)


async def test_every_tenant_lives_where_its_size_puts_it(demo_run: Run, empty: Opened) -> None:
    homes = Counter(
        (each.plan, each.mode, each.shard.rpartition("_")[0].removeprefix("shard_"))
        for each in await empty.organizations()
    )
    assert homes == {
        ("ENTERPRISE", "DEDICATED", "dedicated"): 3,
        ("GROWTH", "POOL", "medium"): 55,
        ("GROWTH", "SCHEMA", "medium"): 1,
        ("STARTER", "POOL", "small"): 14,
    }


async def test_progress_is_one_exactly_where_an_enrollment_is_completed(demo_run: Run, empty: Opened) -> None:
    for tenant in await empty.organizations():
        assert await fetch(empty, tenant, BROKEN) == []


async def test_a_real_learner_is_found_as_published(demo_run: Run, empty: Opened) -> None:
    tenants = {each.slug: each for each in await empty.organizations()}
    found = await fetch(empty, tenants["east-anglian"], LEARNER, "learner-11391@east-anglian.example")
    assert [msgspec.to_builtins(dict(row)) for row in found] == [
        {
            "name": "Learner 11391",
            "role": "learner",
            "code": "AAA-2013J",
            "title": "AAA, October 2013",
            "status": "completed",
            "progress": 1.0,
            "enrolled_at": "2013-10-01T00:00:00Z",
            "completed_at": msgspec.to_builtins(found[0]["completed_at"]),
            "due_at": "2014-06-25T23:59:59Z",
            "lessons": [
                "Tutor-marked assignment 1 78",
                "Tutor-marked assignment 2 85",
                "Tutor-marked assignment 3 80",
                "Tutor-marked assignment 4 85",
                "Tutor-marked assignment 5 82",
                "Exam -",
                "Final result -",
            ],
        }
    ]
    assert found[0]["completed_at"].date().isoformat() == "2014-06-26"


async def test_every_tenant_has_an_owner_and_an_instructor_a_course(demo_run: Run, empty: Opened) -> None:
    tenants = {each.slug: each for each in await empty.organizations()}
    assert [tuple(row) for row in await fetch(empty, tenants["wales-bbb"], ROLES)] == [
        ("instructor", 4),
        ("learner", 812),
        ("owner", 1),
    ]
    assert [tuple(row) for row in await fetch(empty, tenants["scotland"], ROLES)] == [
        ("instructor", 22),
        ("learner", 2_934),
        ("owner", 1),
    ]


def test_progress_is_reported_tenant_by_tenant(demo_run: Run) -> None:
    assert len({report.slug for report in demo_run.reports}) == len(demo_run.reports) == 73
    assert demo_run.reports[0] == Loaded("ireland-ggg", 9, 32_593)
    assert demo_run.reports[-1].done == 32_593


async def test_every_tenant_has_a_key_that_works(demo_run: Run, empty: Opened) -> None:
    tenants = {each.slug: each for each in await empty.organizations()}
    keys = {
        key.prefix: key for key in await api_keys.list_live(empty.catalog, [t.id for t in tenants.values()])
    }
    assert len(keys) == 73
    for each in demo_run.summary.tenants:
        assert each.key is not None
        assert api_key.verify(keys, each.key.encode(), clock.now()).tenant_id == tenants[each.slug].id


async def test_loading_again_changes_nothing(demo_run: Run, empty: Opened) -> None:
    again = await demo.load(empty, lambda _: None)
    assert again == msgspec.structs.replace(demo_run.summary, loaded=0)
    assert demo_run.summary.loaded == 73
    assert await demo.summary(empty) == msgspec.structs.replace(demo_run.summary, loaded=0, planned=None)
