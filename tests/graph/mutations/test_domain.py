from typing import Any

import msgspec
import pytest

from harka.ids import NodeKind, new_id
from harka.tenancy.dns import Dns
from nameserver import NameServer
from school import School

FIELDS = "id name status recordName recordValue verifiedAt checkedAt proofMissingSince version"
ADD = f"""mutation ($input: AddDomainInput!) {{ addDomain(input: $input) {{
  errors {{ code field }} domain {{ {FIELDS} }} }} }}"""
VERIFY = f"""mutation ($input: VerifyDomainInput!) {{ verifyDomain(input: $input) {{
  errors {{ code field message }} domain {{ {FIELDS} }} }} }}"""
ACTIVATE = f"""mutation ($input: ActivateDomainInput!) {{ activateDomain(input: $input) {{
  errors {{ code field }} domain {{ {FIELDS} }} }} }}"""
REMOVE = """mutation ($input: RemoveDomainInput!) { removeDomain(input: $input) {
  errors { code field } removedDomainId } }"""
LISTED = "{ domains(first: 5) { totalCount nodes { id name status } } organization { domain } }"


@pytest.fixture
def academy(school: School, name_server: NameServer) -> School:
    """The school, asking our name server."""
    runtime = msgspec.structs.replace(school.runtime, dns=Dns(name_server.address))
    return School(runtime, school.organization, school.people)


async def test_from_the_claim_to_pages_at_an_address_of_their_own(
    academy: School, name_server: NameServer
) -> None:
    name = f"learn.{academy.organization.slug}.example"
    made = (await academy.ask(ADD, {"input": {"name": name}})).data["addDomain"]["domain"]
    assert (made["name"], made["status"], made["version"]) == (name, "PENDING", 1)
    given = {"input": {"id": made["id"]}}
    assert (await academy.ask(VERIFY, given)).code == "VALIDATION_FAILED"
    assert (await academy.ask(ACTIVATE, given)).code == "CONFLICT"
    name_server.records[made["recordName"]] = [f'"{made["recordValue"]}"']
    verified = (await academy.ask(VERIFY, given)).data["verifyDomain"]["domain"]
    assert (verified["status"], verified["verifiedAt"] is None) == ("VERIFIED", False)
    before = await academy.send(json={"query": "{ __typename }"}, headers={"host": name})
    assert before.status_code == 404
    active = (await academy.ask(ACTIVATE, given)).data["activateDomain"]["domain"]
    assert active["status"] == "ACTIVE"
    directory = academy.runtime.directory
    await directory.until(lambda snapshot: name in snapshot.domains)
    query = "query ($host: String!) { branding(host: $host) { logo } }"
    document = {"query": query, "variables": {"host": name}}
    shown = await academy.send(json=document, headers={"host": name})
    assert shown.json()["data"] == {"branding": {"logo": None}}
    listed = (await academy.ask(LISTED)).data
    assert listed["domains"]["totalCount"] == 1
    assert listed["organization"]["domain"] == name
    removed = await academy.ask(REMOVE, given)
    assert removed.data["removeDomain"] == {"errors": [], "removedDomainId": made["id"]}
    await directory.until(lambda snapshot: name not in snapshot.domains)
    assert (await academy.send(json=document, headers={"host": name})).status_code == 404


@pytest.mark.parametrize(
    "name",
    ["", "com", "a b.com", "1.2.3.4", "x.harka.localhost", "\0.com", "😀.com", "אתר.com", "a." * 200 + "com"],
)
async def test_what_is_no_domain_is_refused(school: School, name: str) -> None:
    reply = await school.ask(ADD, {"input": {"name": name}})
    assert (reply.code, reply.field) == ("VALIDATION_FAILED", "name")


async def test_the_same_twice_a_stale_version_and_what_is_not_there(school: School) -> None:
    given: dict[str, Any] = {"input": {"name": f"{school.organization.slug}.example"}}
    made = (await school.ask(ADD, given)).data["addDomain"]["domain"]
    assert (await school.ask(ADD, given)).code == "CONFLICT"
    for document in (ACTIVATE, REMOVE):
        assert (await school.ask(document, {"input": {"id": made["id"], "version": 7}})).code == "CONFLICT"
    absent = school.id(NodeKind.DOMAIN, new_id())
    for document in (VERIFY, ACTIVATE, REMOVE):
        for id_, code in (("x", "INVALID_ID"), (absent, "NOT_FOUND")):
            assert (await school.ask(document, {"input": {"id": id_}})).code == code
    assert [node["id"] for node in (await school.ask(LISTED)).data["domains"]["nodes"]] == [made["id"]]


async def test_a_domain_is_a_node_for_who_may_write_the_organization(school: School) -> None:
    given = {"input": {"name": f"{school.organization.slug}.example"}}
    made = (await school.ask(ADD, given)).data["addDomain"]["domain"]
    asked = f'{{ node(id: "{made["id"]}") {{ ... on Domain {{ name }} }} }}'
    assert (await school.ask(asked)).data["node"] == {"name": made["name"]}
    assert (await school.ask(asked, caller=school.instructor)).data["node"] is None
