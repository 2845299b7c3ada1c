from harka.ids import NodeKind
from harka.learning import progress
from harka.repositories.user import User
from harka.storage.statement import Statement
from harka.tenancy.permission import Permission
from school import School

GIVE_UP = Statement(
    "test.give_up", "UPDATE {schema}.job SET state = 'dead', finished_at = now() WHERE tenant_id = $1"
)
TENANT = """{ analytics { tenantId asOf windowDays
  metrics { activeUsers totalUsers coursesCompleted averageProgress
    apiUsage { requests quota asOf } storage { used limit asOf } bandwidth { used limit } }
  health { status issues { code severity message advice measured limit } } } }"""
COURSE = """query ($id: ID!) { courseAnalytics(courseId: $id) { course { id } asOf
  funnel { enrolled started halfway completed withdrawn medianSeconds slowSeconds }
  lessons { lesson { id } begun finished stopped } } }"""


async def study(school: School, person: User, fraction: float) -> None:
    enrolled = school.enrollment_of(person, school.courses[0])
    async with school.work() as work:
        await progress.record(
            work,
            enrollment_id=enrolled.id,
            lesson_id=school.lessons[school.courses[0].id][0].id,
            fraction=fraction,
        )


async def test_an_organizations_figures_are_three_statements(school: School) -> None:
    await study(school, school.learner, 1)
    reply = await school.ask(TENANT, caller=school.owner)
    told = reply.data["analytics"]
    assert told["tenantId"] == school.id(NodeKind.ORGANIZATION, school.organization)
    assert told["windowDays"] == 30
    metrics = told["metrics"]
    # a quarter of one course, of eight enrollments
    assert metrics["averageProgress"] == 0.25 / 8
    assert (metrics["activeUsers"], metrics["totalUsers"], metrics["coursesCompleted"]) == (1, 4, 0)
    assert metrics["bandwidth"] == {"used": 0.0, "limit": None}
    assert metrics["storage"] == {"used": 0.0, "limit": 2.0**40, "asOf": None}
    assert metrics["apiUsage"]["quota"] is None
    assert told["health"] == {"status": "HEALTHY", "issues": []}
    assert reply.statements == 3


async def test_an_issue_names_what_it_is_about(school: School) -> None:
    assert school.job is not None
    async with school.work() as work:
        await work.session.execute(GIVE_UP)
    asked = "{ analytics { health { issues { code measured objectIds } } } }"
    issues = (await school.ask(asked)).data["analytics"]["health"]["issues"]
    job_id = school.id(NodeKind.TENANT_JOB, school.job)
    assert issues == [{"code": "JOBS_FAILED", "measured": 1, "objectIds": [job_id]}]
    found = await school.ask("query ($ids: [ID!]!) { nodes(ids: $ids) { __typename } }", {"ids": [job_id]})
    assert found.data["nodes"] == [{"__typename": "TenantJob"}]


async def test_requests_are_counted_as_they_come(school: School) -> None:
    async def told() -> float:
        reply = await school.ask("{ analytics { metrics { apiUsage { requests } } } }")
        requests: float = reply.data["analytics"]["metrics"]["apiUsage"]["requests"]
        return requests

    before = await told()
    await school.ask("{ viewer { kind } }", caller=school.learner)
    assert await told() == before + 2


async def test_a_courses_figures_name_each_of_its_lessons(school: School) -> None:
    await study(school, school.learner, 0.5)
    course = {"id": school.id(NodeKind.COURSE, school.courses[0])}
    reply = await school.ask(COURSE, course, caller=school.instructor)
    told = reply.data["courseAnalytics"]
    assert told["course"] == course
    assert told["funnel"] == {
        "enrolled": 4,
        "started": 1,
        "halfway": 0,
        "completed": 0,
        "withdrawn": 0,
        "medianSeconds": None,
        "slowSeconds": None,
    }
    ids = [school.id(NodeKind.LESSON, each) for each in school.lessons[school.courses[0].id]]
    assert told["lessons"] == [
        {"lesson": {"id": id_}, "begun": int(n == 0), "finished": 0, "stopped": int(n == 0)}
        for n, id_ in enumerate(ids)
    ]


async def test_a_course_out_of_sight_has_no_figures(school: School) -> None:
    assert school.draft is not None
    hidden = {"id": school.id(NodeKind.COURSE, school.draft)}
    assert (await school.ask(COURSE, hidden, caller=school.instructor)).data["courseAnalytics"] is None


async def test_who_may_not_is_refused(school: School) -> None:
    assert (await school.ask(TENANT, caller=school.instructor)).code == "FORBIDDEN"
    course = {"id": school.id(NodeKind.COURSE, school.courses[0])}
    assert (await school.ask(COURSE, course, caller=school.learner)).code == "FORBIDDEN"
    assert (await school.ask(TENANT, caller=(Permission.ANALYTICS_READ,))).data["analytics"] is not None
