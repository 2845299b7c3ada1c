from school import School

UPDATE = """mutation ($input: UpdateViewerInput!) { updateViewer(input: $input) {
  errors { code field } user { name locale timezone version } } }"""


async def test_a_learner_changes_themselves(school: School) -> None:
    given = {"version": 1, "name": "Ada", "locale": "de", "timezone": None}
    done = (await school.ask(UPDATE, {"input": given}, caller=school.learner)).data["updateViewer"]
    assert done == {
        "errors": [],
        "user": {"name": "Ada", "locale": "de", "timezone": None, "version": 2},
    }
    stale = await school.ask(UPDATE, {"input": given}, caller=school.learner)
    assert stale.code == "CONFLICT"


async def test_nobody_is_nobody_and_a_program_is_no_person(school: School) -> None:
    given = {"input": {"version": 1, "name": "X"}}
    assert (await school.ask(UPDATE, given, caller=None)).code == "UNAUTHENTICATED"
    assert (await school.ask(UPDATE, given)).code == "VALIDATION_FAILED"


async def test_a_name_cannot_be_taken_away(school: School) -> None:
    given = {"input": {"version": 1, "name": None}}
    reply = await school.ask(UPDATE, given, caller=school.learner)
    assert (reply.code, reply.field) == ("VALIDATION_FAILED", "name")
