"""Every mutation's payload can tell what the user can mend, and then holds nothing else."""

import msgspec
import pytest
from graphql import GraphQLNonNull, get_named_type

from harka.graph import schema
from harka.graph.atomic import MENDABLE
from harka.graph.enums import UserErrorCode
from harka.metrics import Metrics
from harka.tenancy.entitling import Wanted, change
from harka.tenancy.quota import Admission
from harka.web.metrics import watch
from school import School

MUTATION = schema.core().mutation_type
PAYLOADS = {str(get_named_type(field.type)): get_named_type(field.type) for field in MUTATION.fields.values()}


@pytest.mark.parametrize("name", sorted(PAYLOADS))
def test_everything_but_the_errors_may_be_null(name: str) -> None:
    fields = dict(PAYLOADS[name].fields)
    assert str(fields.pop("errors").type) == "[UserError!]!"
    assert "clientMutationId" in fields
    assert not any(isinstance(field.type, GraphQLNonNull) for field in fields.values())


def test_what_can_be_mended_has_a_code() -> None:
    assert {error.code for error in MENDABLE} == {code.value for code in UserErrorCode}


REACHED = "code field limit { resource limit used }"
TOLD = f"errors {{ {REACHED} }}"
LIMITED = f"""mutation {{
  createUser(input: {{email: "ada@example.com", name: "Ada"}}) {{ {TOLD} }}
  bulkUsers(input: {{users: [{{email: "bea@example.com", name: "Bea"}}]}}) {{
    results {{ error {{ {REACHED} }} }} }}
  createUpload(input: {{name: "a.txt", size: 11, mediaType: "text/plain"}}) {{ {TOLD} }}
  enqueueJob(input: {{kind: MEASURE_USAGE}}) {{ {TOLD} }} }}"""
QUOTA = "{ organization { quota { limits { resource limit used } } } }"


async def test_a_reached_limit_is_told_as_the_quota_tells_it(school: School) -> None:
    await allow(school, shadow=False)
    told = {
        each["resource"]: each for each in (await school.ask(QUOTA)).data["organization"]["quota"]["limits"]
    }
    done = (await school.ask(LIMITED)).data
    rejected = {"code": "PLAN_LIMIT_REACHED", "field": None, "limit": told["USERS"]}
    assert done["createUser"]["errors"] == [rejected]
    assert done["bulkUsers"]["results"] == [{"error": rejected}]
    assert done["createUpload"]["errors"] == [{**rejected, "field": "size", "limit": told["STORAGE"]}]
    full = {"code": "QUEUE_LIMIT_EXCEEDED", "field": None, "limit": told["QUEUED_JOBS"]}
    assert done["enqueueJob"]["errors"] == [full]
    assert [(told[each]["limit"], told[each]["used"]) for each in ("USERS", "STORAGE", "QUEUED_JOBS")] == [
        (4, 4),
        (10, 0),
        (1, 1),
    ]


async def test_in_shadow_mode_what_is_beyond_a_limit_passes_and_is_counted(school: School) -> None:
    await allow(school, shadow=True)
    school = school.with_admission(Admission())
    done = (await school.ask(LIMITED)).data
    assert [done[each]["errors"] for each in ("createUser", "createUpload", "enqueueJob")] == [[]] * 3
    assert done["bulkUsers"]["results"] == [{"error": None}]
    metrics = Metrics(tenants=1)
    watch(msgspec.structs.replace(school.runtime, metrics=metrics))
    page = metrics.exposition().decode()
    counted = {"users": 2, "storage": 1, "queued_jobs": 1}
    for resource, times in counted.items():
        assert f'quota_refused_total{{resource="{resource}_shadow"}} {times}.0' in page


async def test_another_mistake_is_about_no_limit(school: School) -> None:
    reply = await school.ask(f"""mutation {{ createUser(input: {{email: "x", name: "X"}}) {{
      errors {{ {REACHED} }} }} }}""")
    assert reply.data["createUser"]["errors"] == [
        {"code": "VALIDATION_FAILED", "field": "email", "limit": None}
    ]


async def allow(school: School, *, shadow: bool) -> None:
    wanted = Wanted(limits={"users": 4, "storage_bytes": 10, "queued_jobs": 1}, shadow=shadow)
    await change(school.runtime.catalog, school.organization, wanted, actor="test")
    await school.runtime.directory.reread(school.organization.id)


async def test_a_refusal_says_what_to_mend_and_whose_it_is(school: School) -> None:
    reply = await school.ask(
        """mutation { createCourse(input: {title: "", code: "X", clientMutationId: "mine"}) {
          errors { __typename code field message } clientMutationId course { id } } }"""
    )
    (error,) = reply.data["createCourse"].pop("errors")
    assert error.pop("message").endswith(".")
    assert error == {"__typename": "UserError", "code": "VALIDATION_FAILED", "field": "title"}
    assert reply.data["createCourse"] == {"clientMutationId": "mine", "course": None}
