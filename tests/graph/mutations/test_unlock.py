from harka.ids import NodeKind
from school import School

SET = """mutation ($input: SetModuleUnlockInput!) { setModuleUnlock(input: $input) { errors { code field }
  unlock { opensAt opensAfterDays requires { title } }
  module { version isLocked unlock { opensAfterDays requires { title } } } } }"""


def module_ids(school: School) -> list[str]:
    of = dict.fromkeys(each.module_id for each in school.lessons[school.courses[0].id])
    return [school.id(NodeKind.MODULE, each) for each in of]


async def test_rules_are_set_and_taken_away(school: School) -> None:
    begin, end = module_ids(school)
    given = {"moduleId": end, "version": 1, "requiredModuleIds": [begin], "opensAfterDays": 3}
    done = (await school.ask(SET, {"input": given})).data["setModuleUnlock"]
    rules = {"opensAfterDays": 3, "requires": [{"title": "Begin"}]}
    assert done == {
        "errors": [],
        "unlock": {"opensAt": None, **rules},
        "module": {"version": 2, "isLocked": False, "unlock": rules},
    }
    cleared = (await school.ask(SET, {"input": {"moduleId": end, "version": 2}})).data["setModuleUnlock"]
    assert (cleared["unlock"], cleared["module"]["unlock"]) == (None, None)
    assert (await school.ask(SET, {"input": given})).code == "CONFLICT"


async def test_a_later_module_cannot_be_required(school: School) -> None:
    begin, end = module_ids(school)
    reply = await school.ask(SET, {"input": {"moduleId": begin, "version": 1, "requiredModuleIds": [end]}})
    assert (reply.code, reply.field) == ("VALIDATION_FAILED", "requiredModuleIds")
    reply = await school.ask(SET, {"input": {"moduleId": begin, "version": 1, "requiredModuleIds": ["x"]}})
    assert (reply.code, reply.field) == ("INVALID_ID", "requiredModuleIds")
