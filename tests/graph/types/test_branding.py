from doors import MakeTenant
from harka.learning import branding
from harka.learning.branding import BrandingChanges
from harka.tenancy.permission import Permission
from school import School

ASK = "query ($host: String!) { branding(host: $host) { logo primaryColor secondaryColor favicon } }"
LIST = """query ($after: String) { brandings(first: 1, after: $after) {
  totalCount nodes { id status } pageInfo { endCursor hasNextPage } } }"""


async def publish(school: School) -> None:
    async with school.work() as work:
        await branding.save_draft(work, BrandingChanges(primary_color="#1d4ed8"))
        await branding.publish(work)


async def test_anybody_learns_how_the_pages_at_an_address_look(school: School) -> None:
    await publish(school)
    for host in (school.host, f"{school.host}:8000", school.host.upper()):
        reply = await school.ask(ASK, {"host": host}, caller=None)
        assert reply.data["branding"] == {
            "logo": None,
            "primaryColor": "#1d4ed8",
            "secondaryColor": None,
            "favicon": None,
        }
        assert reply.statements == 1


async def test_an_organization_that_published_nothing_looks_as_the_platform(school: School) -> None:
    reply = await school.ask(ASK, {"host": school.host}, caller=None)
    assert set(reply.data["branding"].values()) == {None}


async def test_any_other_name_is_answered_alike_whether_it_is_somebodys(
    school: School, make_tenant: MakeTenant
) -> None:
    await publish(school)
    other = await make_tenant()
    taken = f"{other.slug}.{school.runtime.settings.platform_domain}"
    answers = []
    for host in (taken, "nobody.example", "localhost", "", "\0", "😀.example", "x" * 5000, "a b", "[::1"):
        reply = await school.ask(ASK, {"host": host}, caller=None)
        answers.append((reply.data, reply.statements, reply.status))
    assert answers == [({"branding": None}, 1, 200)] * len(answers)


async def test_a_draft_is_for_who_may_write_the_organization(school: School) -> None:
    await publish(school)
    async with school.work() as work:
        draft = await branding.save_draft(work, BrandingChanges(primary_color="#000000"))
    first = (await school.ask(LIST)).data["brandings"]
    assert (first["totalCount"], first["nodes"][0]["status"]) == (2, "PUBLISHED")
    after = {"after": first["pageInfo"]["endCursor"]}
    (node,) = (await school.ask(LIST, after)).data["brandings"]["nodes"]
    assert node["status"] == "DRAFT"
    asked = f'{{ node(id: "{node["id"]}") {{ ... on Branding {{ version }} }} }}'
    assert (await school.ask(asked)).data["node"] == {"version": draft.version}
    assert (await school.ask(asked, caller=school.learner)).data["node"] is None
    others = [each for each in Permission if each != Permission.ORGANIZATION_WRITE]
    assert (await school.ask(asked, caller=others)).data["node"] is None
