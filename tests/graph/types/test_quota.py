from harka.tenancy.permission import Permission
from school import School

QUOTA = """{ organization { quota { plan shadow asOf
  limits { resource used soft grace limit resetsAt state }
  planChange(to: STARTER) { excess { resource used limit over } lostFeatures } } } }"""


async def test_every_limit_is_told_with_what_is_used(school: School) -> None:
    reply = await school.ask(QUOTA)
    told = reply.data["organization"]["quota"]
    assert (told["plan"], told["shadow"]) == ("ENTERPRISE", False)
    limits = {each["resource"]: each for each in told["limits"]}
    assert limits["USERS"] == {
        "resource": "USERS",
        "used": 4,
        "soft": None,
        "grace": 0,
        "limit": None,
        "resetsAt": None,
        "state": "WITHIN",
    }
    assert limits["STORAGE"]["limit"] == 2**40
    assert limits["REQUESTS_PER_MONTH"]["used"] >= 1
    assert limits["REQUESTS_PER_MONTH"]["resetsAt"] > told["asOf"]
    assert told["planChange"] == {
        "excess": [],
        "lostFeatures": ["sso", "customBranding", "advancedAnalytics", "customAI"],
    }


async def test_who_may_not_read_figures_still_reads_the_organization(school: School) -> None:
    asked = "{ organization { name quota { plan } } }"
    reply = await school.ask(asked, caller=school.learner)
    assert reply.code == "FORBIDDEN"
    assert reply.body["data"]["organization"] == {"name": school.organization.name, "quota": None}
    allowed = (Permission.ORGANIZATION_READ, Permission.ANALYTICS_READ)
    assert (await school.ask(asked, caller=allowed)).data["organization"]["quota"]["plan"] == "ENTERPRISE"
