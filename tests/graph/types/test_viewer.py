from harka.ids import NodeKind
from harka.tenancy.permission import Permission
from school import School

ASKED = "{ viewer { kind user { id } permissions organization { slug } } }"


async def test_nobody_is_null(school: School) -> None:
    reply = await school.ask(ASKED, caller=None)
    assert (reply.status, reply.body, reply.statements) == (200, {"data": {"viewer": None}}, 0)


async def test_a_person_is_shown_with_what_they_may_do(school: School) -> None:
    reply = await school.ask(ASKED, caller=school.learner)
    assert reply.data["viewer"] == {
        "kind": "USER",
        "user": {"id": school.id(NodeKind.USER, school.learner)},
        "permissions": ["course:read", "file:write", "organization:read", "progress:write"],
        "organization": {"slug": school.organization.slug},
    }
    assert reply.statements == 0


async def test_a_program_is_shown_with_its_scopes(school: School) -> None:
    reply = await school.ask("{ viewer { kind user { id } permissions } }", caller=[Permission.COURSE_READ])
    assert reply.data["viewer"] == {"kind": "API_KEY", "user": None, "permissions": ["course:read"]}
