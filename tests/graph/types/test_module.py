from harka.ids import NodeKind
from school import School


async def test_modules_and_lessons_come_in_the_order_of_the_outline(school: School) -> None:
    course = school.courses[0]
    reply = await school.ask(
        """query ($id: ID!) { course(id: $id) { modules {
        title position course { id } lessons { title position } } } }""",
        {"id": school.id(NodeKind.COURSE, course)},
    )
    lessons = [{"title": "First", "position": 0}, {"title": "Second", "position": 1}]
    back = {"id": school.id(NodeKind.COURSE, course)}
    assert reply.data["course"]["modules"] == [
        {"title": "Begin", "position": 0, "course": back, "lessons": lessons},
        {"title": "End", "position": 1, "course": back, "lessons": lessons},
    ]
    # the way back to the course is known already
    assert reply.statements == 3


async def test_the_outline_of_a_draft_is_absent_for_learners(school: School) -> None:
    assert school.draft is not None
    asked = "query ($id: ID!) { course(id: $id) { modules { id lessons { id } } } }"
    seen = await school.ask(asked, {"id": school.id(NodeKind.COURSE, school.draft)}, caller=school.owner)
    module = seen.data["course"]["modules"][0]
    hidden = f'{{ nodes(ids: ["{module["id"]}", "{module["lessons"][0]["id"]}"]) {{ id }} }}'
    assert (await school.ask(hidden, caller=school.learner)).data == {"nodes": [None, None]}
