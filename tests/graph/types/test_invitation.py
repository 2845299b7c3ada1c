from harka.ids import NodeKind
from harka.learning import invitation
from harka.learning.invitation import InvitationDraft
from harka.storage.statement import Statement
from school import School

END = Statement(
    "test.end", "UPDATE {schema}.invitation SET expires_at = now() - interval '1 s' WHERE tenant_id = $1"
)
LIST = """query ($first: Int!, $after: String) { invitations(first: $first, after: $after) {
  totalCount pageInfo { endCursor } nodes { id state customRole { name } groups { id } inviter { id } } } }"""


async def test_invitations_are_listed_in_as_many_statements_whatever_their_number(school: School) -> None:
    assert school.group is not None
    assert school.role is not None
    async with school.work() as work:
        for number in range(3):
            draft = InvitationDraft(
                email=f"{number}@y.example", role_id=school.role.id, group_ids=[school.group.id]
            )
            await invitation.invite(work, draft)
    short, long = [await school.ask(LIST, {"first": first}) for first in (2, 9)]
    assert short.statements == long.statements
    page, whole = short.data["invitations"], long.data["invitations"]
    assert (page["totalCount"], len(whole["nodes"])) == (4, 4)
    rest = await school.ask(LIST, {"first": 9, "after": page["pageInfo"]["endCursor"]})
    assert [*page["nodes"], *rest.data["invitations"]["nodes"]] == whole["nodes"]
    assert whole["nodes"][3]["customRole"] == {"name": "Helper"}
    assert whole["nodes"][3]["groups"] == [{"id": school.id(NodeKind.GROUP, school.group)}]


async def test_invitations_are_narrowed_by_what_became_of_them(school: School) -> None:
    asked = """query ($f: InvitationFilter) { invitations(first: 9, filter: $f) {
      totalCount nodes { state } } }"""
    async with school.work() as work:
        draft = InvitationDraft(email="gone@y.example")
        gone = await invitation.invite(work, draft)
        await invitation.revoke(work, gone.invitation.id)
        await invitation.invite(work, InvitationDraft(email="late@y.example"))
        await work.session.execute(END)
        await invitation.invite(work, InvitationDraft(email="awaited@y.example"))
    for state, count in (("OPEN", 1), ("REVOKED", 1), ("EXPIRED", 2), ("ACCEPTED", 0), (None, 4)):
        found = (await school.ask(asked, {"f": {"state": state}})).data["invitations"]
        assert found["totalCount"] == len(found["nodes"]) == count, state
        assert state is None or {node["state"] for node in found["nodes"]} <= {state}


async def test_who_does_not_manage_people_sees_none_by_any_way(school: School) -> None:
    id_ = school.id(NodeKind.INVITATION, school.invitation)
    hidden = await school.ask(f'{{ node(id: "{id_}") {{ id }} }}', caller=school.instructor)
    assert hidden.data == {"node": None}
    assert (await school.ask(LIST, {"first": 1}, caller=school.instructor)).code == "FORBIDDEN"
