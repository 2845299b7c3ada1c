from graph.mutations.test_assignment import create
from graph.mutations.test_submission import GRADE, SUBMIT, given_by
from harka.ids import NodeKind
from harka.learning.submission import graded_topic
from harka.pubsub import RESYNC
from school import School

GRADED = """subscription ($id: ID!) { submissionGraded(enrollmentId: $id) {
  resync submission { id score } } }"""


async def test_a_learner_hears_of_a_grade(school: School) -> None:
    asked = await create(school, points=10)
    enrollment = school.enrollment_of(school.learner, school.courses[0])
    given = given_by(school, school.learner, asked["id"])
    made = (await school.ask(SUBMIT, given, caller=school.learner)).data["submitAssignment"]["submission"]
    variables = {"id": school.id(NodeKind.ENROLLMENT, enrollment)}
    async with school.stream(GRADED, variables, caller=school.learner) as stream:
        assert await stream.opened() == 200
        assert await stream.event() == ("heartbeat", None)
        grade = {"submissionId": made["id"], "version": 1, "score": 7}
        await school.ask(GRADE, {"input": grade}, caller=school.instructor)
        kind, told = await stream.event()
        assert (kind, told["data"]["submissionGraded"]) == (
            "next",
            {"resync": False, "submission": {"id": made["id"], "score": 7.0}},
        )
        for name, channel in school.runtime.pubsub._channels.items():
            for subscription in channel.subscriptions if name.endswith(graded_topic(enrollment.id)) else ():
                subscription.put(RESYNC)
        _, told = await stream.event()
        assert told["data"]["submissionGraded"] == {"resync": True, "submission": None}


async def test_nobody_listens_to_a_classmate(school: School) -> None:
    enrollment = school.enrollment_of(school.learner, school.courses[0])
    variables = {"id": school.id(NodeKind.ENROLLMENT, enrollment)}
    async with school.stream(GRADED, variables, caller=school.other) as stream:
        assert await stream.opened() == 200
        assert await stream.event() == ("heartbeat", None)
        kind, told = await stream.event()
        assert (kind, told["errors"][0]["extensions"]["code"]) == ("next", "NOT_FOUND")
