"""Stored queries are executed as who they are kept for, and told why they are not."""

from harka.codec import from_json, json_bytes
from harka.graph.asking import asker
from harka.ids import NodeKind
from harka.tenancy.context import Actor, ActorKind, TenantContext
from harka.tenancy.permission import Permission
from school import School

USER = "query ($subject: ID!) { user(id: $subject) { name } }"


async def test_a_query_is_answered_as_to_whom_it_is_kept_for(lasting_school: School) -> None:
    school = lasting_school
    ask = asker(school.runtime)
    variables = {"subject": school.id(NodeKind.USER, school.learner), "event": "not asked for"}
    for permissions, code in (({Permission.USER_READ}, None), (set(), "FORBIDDEN")):
        context = TenantContext(
            organization=school.organization,
            actor=Actor(ActorKind.API_KEY, school.learner.id),
            permissions=frozenset(permissions),
        )
        reply = await ask(context, USER, variables)
        assert reply.failure is None
        body = from_json(json_bytes(dict(reply.body)))
        if code is None:
            assert body == {"data": {"user": {"name": school.learner.name}}}
        else:
            assert body["errors"][0]["extensions"]["code"] == code
            assert body["data"] == {"user": None}
    unfit = await ask(context, "{ nothing }", {})
    assert unfit.failure is not None
    assert unfit.failure.code == "GRAPHQL_VALIDATION_FAILED"
