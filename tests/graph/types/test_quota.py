from typing import Any

import msgspec
import pytest

from harka.cache.tenant import Namespace, TenantCache
from harka.ids import new_id
from harka.repositories import dependent as dependents
from harka.repositories import domain as domains
from harka.repositories.dependent import DependentKind
from harka.repositories.domain import DomainStatus
from harka.repositories.organization import Organization
from harka.storage.statement import Statement
from harka.tenancy.entitlement import limits_for
from harka.tenancy.permission import Permission
from harka.tenancy.plan import LIMITS, Plan, PlanLimits, Resource
from harka.tenancy.quota import Admission
from saml_school import made as connection_of
from school import OpenSchool, School
from scim_school import directory_of

QUOTA = """{ organization { quota { plan shadow asOf
  limits { resource used soft grace limit resetsAt state }
  planChange(to: STARTER) { excess { resource used limit over } lostFeatures } } } }"""
DEPENDENTS = """{ organization { quota { planChange(to: STARTER) { dependents { feature kind name } } } } }"""
SET_SENDER = """mutation ($address: String!) { setMailSender(input: {address: $address,
  host: "mail.example.com", port: 465, startTls: false, username: "harka",
  password: "secret words"}) { errors { code field } } }"""
CREATE_ENDPOINT = """mutation { createWebhookEndpoint(input: {url: "https://example.com/in?key=secret",
  scopes: ["event:read"]}) { errors { code field } } }"""
VERIFY_SENDER = Statement(
    "test.verify_sender", "UPDATE {schema}.mail_sender SET verified_at = now() WHERE tenant_id = $1"
)
NOTES = Namespace("note", str)


@pytest.fixture
async def rival(open_school: OpenSchool) -> School:
    return await open_school()


def tenth_of_a_processor(organization: Organization) -> PlanLimits:
    """Of which a second is saved up."""
    return msgspec.structs.replace(limits_for(organization), cpu_millicores=100)


async def told_of(school: School, resource: str) -> dict[str, Any]:
    limits = (await school.ask(QUOTA)).data["organization"]["quota"]["limits"]
    (only,) = [each for each in limits if each["resource"] == resource]
    return dict(only)


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
    assert limits["REQUESTS_PER_SECOND"]["resetsAt"] is not None
    assert limits["CONCURRENT_REQUESTS"]["resetsAt"] is None
    assert told["planChange"] == {
        "excess": [],
        "lostFeatures": ["sso", "customBranding", "advancedAnalytics", "customAI"],
    }


async def test_what_would_stop_with_the_features_is_told_by_name(school: School, rival: School) -> None:
    slug = school.organization.slug
    for each in (school, rival):
        name = f"{each.organization.slug}.example.com"
        for status, host in ((DomainStatus.ACTIVE, name), (DomainStatus.PENDING, f"claimed.{name}")):
            await domains.insert(each.runtime.catalog, new_id(), each.organization.id, host, status, most=9)
        await directory_of(each)
        await connection_of(each)
        await connection_of(each, tested=False)
        reply = await each.ask(SET_SENDER, {"address": f"office@{name}"}, caller=each.owner)
        assert reply.data["setMailSender"]["errors"] == []
    reply = await school.ask(DEPENDENTS)
    kinds = [each["kind"] for each in reply.data["organization"]["quota"]["planChange"]["dependents"]]
    assert kinds == ["DOMAIN", "SCIM_TOKEN", "SSO_CONNECTION"], "by a sender nobody has tried nothing goes"
    for each in (school, rival):
        async with each.work() as work:
            await work.session.execute(VERIFY_SENDER)
    reply = await school.ask(DEPENDENTS)
    assert reply.data["organization"]["quota"]["planChange"]["dependents"] == [
        {"feature": "customBranding", "kind": "DOMAIN", "name": f"{slug}.example.com"},
        {"feature": "sso", "kind": "SCIM_TOKEN", "name": "Example Directory"},
        {"feature": "customBranding", "kind": "MAIL_SENDER", "name": f"office@{slug}.example.com"},
        {"feature": "sso", "kind": "SSO_CONNECTION", "name": "The Provider"},
    ]
    larger = await school.ask(DEPENDENTS.replace("STARTER", "ENTERPRISE"))
    assert larger.data["organization"]["quota"]["planChange"]["dependents"] == []
    reader = await school.ask(DEPENDENTS, caller=(Permission.ORGANIZATION_READ, Permission.ANALYTICS_READ))
    assert (reader.code, reader.body["data"]["organization"]["quota"]["planChange"]) == (
        "FORBIDDEN",
        {"dependents": None},
    )


async def test_what_an_endpoint_keeps_in_its_query_is_told_nobody(school: School) -> None:
    made = await school.ask(CREATE_ENDPOINT, caller=school.owner)
    assert made.data["createWebhookEndpoint"]["errors"] == []
    async with school.work() as work:
        found = await dependents.list_all(school.runtime.catalog, work.session, school.organization.id)
    assert [each.name for each in found if each.kind == DependentKind.WEBHOOK_ENDPOINT] == [
        "https://example.com/in"
    ]


async def test_however_many_plans_are_asked_for_what_hangs_on_features_is_read_once(school: School) -> None:
    once = (await school.ask(DEPENDENTS)).statements
    asked = " ".join(f"p{n}: planChange(to: STARTER) {{ dependents {{ name }} }}" for n in range(5))
    reply = await school.ask(f"{{ organization {{ quota {{ {asked} }} }} }}")
    assert (len(reply.data["organization"]["quota"]), reply.statements) == (5, once)


async def test_who_may_not_read_figures_still_reads_the_organization(school: School) -> None:
    asked = "{ organization { name quota { plan } } }"
    reply = await school.ask(asked, caller=school.learner)
    assert reply.code == "FORBIDDEN"
    assert reply.body["data"]["organization"] == {"name": school.organization.name, "quota": None}
    allowed = (Permission.ORGANIZATION_READ, Permission.ANALYTICS_READ)
    assert (await school.ask(asked, caller=allowed)).data["organization"]["quota"]["plan"] == "ENTERPRISE"


async def test_every_resource_has_its_limit(school: School) -> None:
    limits = (await school.ask(QUOTA)).data["organization"]["quota"]["limits"]
    assert sorted(each["resource"] for each in limits) == sorted(Resource.__members__)


async def test_processor_time_is_told_in_seconds(school: School) -> None:
    admission = Admission(limits=tenth_of_a_processor)
    school = school.with_admission(admission)
    await told_of(school, "CPU")
    allowance = admission.charge(school.organization, 0.0)
    assert allowance is not None
    admission.settle(allowance, 0.0, 0.0, 0.6)
    told = await told_of(school, "CPU")
    assert (told["limit"], told["soft"], told["state"]) == (1.0, 1.0, "WITHIN")
    assert told["used"] == pytest.approx(0.6, abs=0.4)

    admission.settle(allowance, 0.0, 0.0, 5.0)
    refused = (await school.ask("{ organization { name } }")).refusals
    assert [(each["code"], each["resource"], each["limit"]) for each in refused] == [
        ("RATE_LIMITED", "CPU", 1.0)
    ]


async def test_jobs_that_wait_and_what_is_cached_are_told(school: School) -> None:
    before, cached = await told_of(school, "QUEUED_JOBS"), await told_of(school, "CACHE")
    most = LIMITS[Plan.ENTERPRISE]
    assert (before["used"], before["limit"], before["grace"]) == (1, most.queued_jobs, 0)
    assert cached["limit"] == cached["soft"] == most.cache_bytes
    kept = "n" * 5000
    tenant = school.organization.id
    await school.runtime.cache.set_lasting(tenant, NOTES, "one", kept, budget=most.cache_bytes)
    assert (await told_of(school, "CACHE"))["used"] >= cached["used"] + len(kept)


async def test_a_cache_that_is_away_is_told_as_empty(school: School) -> None:
    away = TenantCache("unix:///nowhere/valkey.sock", bytes(16))
    try:
        told = await told_of(school.with_cache(away), "CACHE")
    finally:
        await away.close()
    assert (told["used"], told["limit"], told["state"]) == (0, LIMITS[Plan.ENTERPRISE].cache_bytes, "WITHIN")
