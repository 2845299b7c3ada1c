import asyncio
from typing import Any
from uuid import UUID

import pytest

from harka.ids import NodeKind, new_id
from harka.learning import course, event, webhook_endpoint
from harka.repositories import rollup
from harka.storage.statement import Statement
from harka.tenancy.permission import Permission
from school import OpenSchool, School, until

FIELDS = "id url description types document scopes userId rotatingUntil pausedAt pauseReason version"
CREATE = f"""mutation ($input: CreateWebhookEndpointInput!) {{ createWebhookEndpoint(input: $input) {{
  errors {{ code field }} secret webhookEndpoint {{ {FIELDS} }} }} }}"""
UPDATE = f"""mutation ($input: UpdateWebhookEndpointInput!) {{ updateWebhookEndpoint(input: $input) {{
  errors {{ code field }} webhookEndpoint {{ {FIELDS} }} }} }}"""
ROTATE = f"""mutation ($input: RotateWebhookSecretInput!) {{ rotateWebhookSecret(input: $input) {{
  errors {{ code field }} secret webhookEndpoint {{ {FIELDS} }} }} }}"""
DELETE = """mutation ($input: DeleteWebhookEndpointInput!) { deleteWebhookEndpoint(input: $input) {
  errors { code field } deletedWebhookEndpointId } }"""
REPLAY = """mutation ($input: ReplayWebhookInput!) { replayWebhook(input: $input) {
  errors { code field } webhookEndpoint { id version } } }"""
LISTED = "{ webhookEndpoints(first: 9) { totalCount nodes { id } } }"
WAITERS = Statement(
    "test.waiters",
    """SELECT count(*) FROM pg_locks WHERE NOT granted
      AND $1::uuid IS NOT NULL AND to_regclass('{schema}.course') IS NOT NULL""",
)
GIVEN = {"url": "https://example.com/hook", "scopes": ["event:read", "user:read"]}


async def make(school: School, caller: Any = None, **given: Any) -> dict[str, Any]:
    reply = await school.ask(CREATE, {"input": {**GIVEN, **given}}, caller=caller or school.owner)
    made: dict[str, Any] = reply.data["createWebhookEndpoint"]
    assert made["errors"] == []
    return made


async def test_an_endpoint_is_made_changed_rotated_paused_and_deleted(school: School) -> None:
    made = await make(school, types=["USER_CREATED"], description="Ours")
    endpoint = made["webhookEndpoint"]
    assert made["secret"].startswith("whsec_")
    assert endpoint["userId"] == school.id(NodeKind.USER, school.owner)
    assert (endpoint["types"], endpoint["scopes"]) == (["USER_CREATED"], ["event:read", "user:read"])
    assert "event(id: $event)" in endpoint["document"]

    change = {"id": endpoint["id"], "version": 1, "paused": True, "description": "Theirs"}
    paused = (await school.ask(UPDATE, {"input": change}, caller=school.owner)).data["updateWebhookEndpoint"]
    assert paused["webhookEndpoint"]["pauseReason"] == "ASKED"
    assert paused["webhookEndpoint"]["description"] == "Theirs"
    assert paused["webhookEndpoint"]["url"] == endpoint["url"]
    assert (await school.ask(UPDATE, {"input": change}, caller=school.owner)).code == "CONFLICT"
    change = {"id": endpoint["id"], "version": 2, "paused": False, "types": []}
    resumed = (await school.ask(UPDATE, {"input": change}, caller=school.owner)).data["updateWebhookEndpoint"]
    assert (resumed["webhookEndpoint"]["pausedAt"], resumed["webhookEndpoint"]["types"]) == (None, [])

    given = {"id": endpoint["id"], "version": 3, "overlapSeconds": 60}
    rotated = (await school.ask(ROTATE, {"input": given}, caller=school.owner)).data["rotateWebhookSecret"]
    assert rotated["secret"] not in {None, made["secret"]}
    assert rotated["webhookEndpoint"]["rotatingUntil"] is not None
    assert (await school.ask(ROTATE, {"input": given}, caller=school.owner)).code == "CONFLICT"

    replayed = await school.ask(REPLAY, {"input": {"id": endpoint["id"]}}, caller=school.owner)
    assert replayed.data["replayWebhook"]["webhookEndpoint"] == {"id": endpoint["id"], "version": 5}
    gone = {"webhookEndpointId": endpoint["id"]}
    deleted = await school.ask(DELETE, {"input": gone}, caller=school.owner)
    assert deleted.data["deleteWebhookEndpoint"]["deletedWebhookEndpointId"] == endpoint["id"]
    assert (await school.ask(DELETE, {"input": gone}, caller=school.owner)).code == "NOT_FOUND"
    assert (await school.ask(LISTED)).data["webhookEndpoints"] == {"totalCount": 0, "nodes": []}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"url": "ftp://example.com"}, "url"),
        ({"url": "https://user@example.com"}, "url"),
        ({"url": "https://example.com/" + "x" * 2000}, "url"),
        ({"url": "https://\0"}, "url"),
        ({"url": "https://😀.example"}, "url"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["user:read"]}, "scopes"),
        ({"scopes": ["event:read", "everything"]}, "scopes"),
        ({"description": "x" * 201}, "description"),
        ({"description": "\0"}, "description"),
        ({"document": ""}, "document"),
        ({"document": "{ x"}, "document"),
        ({"document": "{ nothing }"}, "document"),
        ({"document": "mutation { discardBranding(input: {}) { clientMutationId } }"}, "document"),
        ({"document": "query ($other: ID!) { event(id: $other) { id } }"}, "document"),
        ({"document": "query ($event: ID) { viewer { kind } }"}, "document"),
        (
            {"document": "{ users(first: 100) { nodes { enrollments(first: 100) { nodes { id } } } } }"},
            "document",
        ),
        ({"document": "{ viewer { kind } } #" + "x" * 10_000}, "document"),
        ({"document": "{ __schema { queryType { name } } }"}, "document"),
    ],
    ids=[
        *("not https", "a name before the host", "long address", "nul in the address", "emoji"),
        *("no scope", "no events", "no such scope", "long description", "nul", "no document", "no syntax"),
        *("no such field", "mutation", "other variable", "other type", "dear", "long document", "schema"),
    ],
)
async def test_what_cannot_be_used_is_refused_by_field(
    lasting_school: School, given: dict[str, Any], field: str
) -> None:
    school = lasting_school
    reply = await school.ask(CREATE, {"input": {**GIVEN, **given}}, caller=school.owner)
    assert (reply.code, reply.field) == ("VALIDATION_FAILED", field)
    assert (await school.ask(LISTED)).data["webhookEndpoints"]["totalCount"] == 0


async def test_nobody_lends_what_they_do_not_have(school: School) -> None:
    caller = [Permission.ORGANIZATION_WRITE, Permission.EVENT_READ]
    assert (await school.ask(CREATE, {"input": GIVEN}, caller=caller)).code == "FORBIDDEN"
    made = await make(school)
    change = {"id": made["webhookEndpoint"]["id"], "version": 1, "url": "https://example.org"}
    # whoever says where it goes lends it everything anew
    assert (await school.ask(UPDATE, {"input": change}, caller=caller)).code == "FORBIDDEN"
    smaller = {**change, "scopes": ["event:read"]}
    changed = (await school.ask(UPDATE, {"input": smaller}, caller=caller)).data["updateWebhookEndpoint"]
    assert changed["webhookEndpoint"]["userId"] is None
    nothing = {"id": change["id"], "version": 2, "url": None}
    reply = await school.ask(UPDATE, {"input": nothing}, caller=school.owner)
    assert (reply.code, reply.field) == ("VALIDATION_FAILED", "url")


async def test_a_place_before_what_is_kept_is_refused(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise there would be a gap that nobody is told of."""
    id_ = (await make(school))["webhookEndpoint"]["id"]
    text = "{ events(first: 1) { pageInfo { endCursor } } }"
    while not (cursor := (await school.ask(text)).data["events"]["pageInfo"]["endCursor"]):
        pass
    monkeypatch.setattr(event, "DAYS_KEPT", -1)
    async with school.work() as work:
        await event.forget_old(work)
    text = "query ($after: String) { events(first: 1, after: $after) { nodes { id } } }"
    assert (await school.ask(text, {"after": cursor})).code == "CURSOR_EXPIRED"
    reply = await school.ask(REPLAY, {"input": {"id": id_, "fromCursor": cursor}})
    assert [each["code"] for each in reply.data["replayWebhook"]["errors"]] == ["CURSOR_EXPIRED"]
    assert (await school.ask(REPLAY, {"input": {"id": id_}})).data["replayWebhook"]["errors"] == []


async def test_what_was_forgotten_before_it_was_told_is_known_of_an_endpoint(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is paused for too long, and is told of what there was; until it is replayed."""
    ids = {}
    for types in (["COURSE_ARCHIVED"], ["BRANDING_PUBLISHED"], []):
        made = (await school.ask(CREATE, {"input": {**GIVEN, "types": types}})).data["createWebhookEndpoint"]
        ids[str(types)] = made["webhookEndpoint"]["id"]
    async with school.work() as work:
        await course.archive(work, school.courses[0].id)
        monkeypatch.setattr(event, "DAYS_KEPT", -1)
    async with school.work() as work:
        await event.forget_old(work)
        lost = set((await rollup.read(work.session, window_days=30, named=20)).lost)
    text = "{ webhookEndpoints(first: 9) { nodes { id eventsLostAt version } } }"
    seen = {each["id"]: each for each in (await school.ask(text)).data["webhookEndpoints"]["nodes"]}
    told = {name for name, id_ in ids.items() if seen[id_]["eventsLostAt"]}
    assert told == {"['COURSE_ARCHIVED']", "[]"}
    assert {school.id(NodeKind.WEBHOOK_ENDPOINT, id_) for id_ in lost} == {ids[name] for name in told}
    for name in told:
        await school.ask(REPLAY, {"input": {"id": ids[name]}})
    again = (await school.ask(text)).data["webhookEndpoints"]["nodes"]
    assert [each["eventsLostAt"] for each in again] == [None] * 3


async def test_what_is_forgotten_while_it_is_to_be_told_again_is_known(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = (await make(school))["webhookEndpoint"]
    _, id_ = school.runtime.node_ids.open(school.organization.id, made["id"])
    async with school.work() as work:
        await course.archive(work, school.courses[0].id)
    # as if it had been told of everything
    async with school.work() as work:
        await webhook_endpoint.replay(work, id_, (2**62, UUID(int=2**128 - 1)))
    monkeypatch.setattr(event, "DAYS_KEPT", -1)

    async def forget() -> None:
        async with school.work() as work:
            await event.forget_old(work)

    async with school.work() as work:
        await webhook_endpoint.replay(work, id_, None)
        forgetting = asyncio.create_task(forget())
        await until(lambda: work.session.fetch_value(WAITERS))
    await forgetting
    text = "{ webhookEndpoints(first: 9) { nodes { eventsLostAt } } }"
    (seen,) = (await school.ask(text)).data["webhookEndpoints"]["nodes"]
    assert seen["eventsLostAt"]


async def test_a_place_in_the_stream_is_of_the_stream_and_of_the_organization(
    school: School, open_school: OpenSchool
) -> None:
    id_ = (await make(school))["webhookEndpoint"]["id"]
    text = "{ events(first: 1) { pageInfo { endCursor } } users(first: 1) { pageInfo { endCursor } } }"
    while not (own := (await school.ask(text)).data)["events"]["pageInfo"]["endCursor"]:
        pass
    reply = await school.ask(
        REPLAY, {"input": {"id": id_, "fromCursor": own["events"]["pageInfo"]["endCursor"]}}
    )
    assert reply.data["replayWebhook"]["errors"] == []
    other = await open_school()
    while not (theirs := (await other.ask(text)).data)["events"]["pageInfo"]["endCursor"]:
        pass
    for cursor in (
        own["users"]["pageInfo"]["endCursor"],
        theirs["events"]["pageInfo"]["endCursor"],
        "",
        "\0",
        "x" * 5000,
    ):
        reply = await school.ask(REPLAY, {"input": {"id": id_, "fromCursor": cursor}})
        assert (reply.code, reply.field) == ("VALIDATION_FAILED", "fromCursor")
    absent = await school.ask(REPLAY, {"input": {"id": school.id(NodeKind.WEBHOOK_ENDPOINT, new_id())}})
    assert absent.code == "NOT_FOUND"


async def test_there_is_an_end_to_endpoints(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_endpoint, "MOST", 1)
    await make(school)
    assert (await school.ask(CREATE, {"input": GIVEN}, caller=school.owner)).code == "PLAN_LIMIT_REACHED"
