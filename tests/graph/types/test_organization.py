import pytest

from harka.ids import NodeKind, new_id
from harka.repositories import domain as domains
from harka.repositories.domain import DomainStatus
from harka.tenancy.entitling import Wanted, change
from harka.tenancy.permission import Permission
from harka.tenancy.provisioning import get_by_slug
from school import School

WHOLE = """{ organization { id name domain slug plan status users { limit active }
  locale timezone region settings
  features { sso customBranding apiAccess advancedAnalytics customAI }
  branding { logo primaryColor secondaryColor favicon } } }"""


async def test_the_callers_organization_is_answered_by_two_statements(school: School) -> None:
    organization = school.organization
    reply = await school.ask(WHOLE)
    assert reply.data["organization"] == {
        "id": school.id(NodeKind.ORGANIZATION, organization),
        "name": organization.name,
        "domain": None,
        "slug": organization.slug,
        "plan": "ENTERPRISE",
        "status": "ACTIVE",
        "users": {"limit": None, "active": 4},
        "locale": organization.locale,
        "timezone": organization.timezone,
        "region": organization.region,
        "settings": {},
        "features": {
            "sso": True,
            "customBranding": True,
            "apiAccess": True,
            "advancedAnalytics": True,
            "customAI": True,
        },
        "branding": {"logo": None, "primaryColor": None, "secondaryColor": None, "favicon": None},
    }
    assert reply.statements == 2


@pytest.mark.parametrize("has", [True, False])
async def test_a_domain_is_told_as_long_as_it_leads_somewhere(school: School, *, has: bool) -> None:
    name = f"{school.organization.slug}.example.com"
    catalog, organization = school.runtime.catalog, school.organization
    await domains.insert(catalog, new_id(), organization.id, name, DomainStatus.ACTIVE, most=9)
    before = await get_by_slug(catalog, organization.slug)
    await change(catalog, before, Wanted(features={"custom_branding": has}), actor="test")
    await school.runtime.directory.reread(before.id)
    reply = await school.ask("{ organization { domain } }")
    assert reply.data["organization"]["domain"] == (name if has else None)


async def test_what_is_known_without_sql_is_answered_without_sql(school: School) -> None:
    reply = await school.ask(
        "{ organization { name plan users { limit } } viewer { organization { slug } } }"
    )
    assert reply.statements == 0


async def test_a_learner_is_told_how_many_people_there_are(school: School) -> None:
    reply = await school.ask("{ organization { users { active } } }", caller=school.learner)
    assert reply.data["organization"]["users"]["active"] == 4


async def test_an_organization_is_a_node_for_who_may_read_it(school: School) -> None:
    asked = f'{{ node(id: "{school.id(NodeKind.ORGANIZATION, school.organization)}") {{ __typename }} }}'
    assert (await school.ask(asked)).data["node"] == {"__typename": "Organization"}
    assert (await school.ask(asked, caller=[Permission.COURSE_READ])).data["node"] is None
