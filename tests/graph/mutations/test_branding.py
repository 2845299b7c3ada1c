from base64 import b64encode
from typing import Any

import pytest

from harka.ids import NodeKind, new_id
from school import School

DRAWING = '<svg xmlns="http://www.w3.org/2000/svg"><script>x</script><desc>{}</desc></svg>'
UPDATE = """mutation ($input: UpdateBrandingInput!) { updateBranding(input: $input) {
  errors { code field message } branding { id status logo favicon primaryColor primaryContrast
    secondaryColor secondaryContrast publishedAt version } } }"""
PUBLISH = """mutation ($input: PublishBrandingInput!) { publishBranding(input: $input) {
  errors { code field } branding { id status version } } }"""
ROLL_BACK = """mutation ($input: RollBackBrandingInput!) { rollBackBranding(input: $input) {
  errors { code field } branding { id status version } } }"""
DISCARD = """mutation ($input: DiscardBrandingInput!) { discardBranding(input: $input) {
  errors { code field } discardedBrandingId } }"""
SHOWN = "{ organization { branding { logo primaryColor secondaryColor favicon } } }"
LISTED = "{ brandings(first: 5) { totalCount nodes { status primaryColor } } }"


def drawn(word: str) -> str:
    return b64encode(DRAWING.format(word).encode()).decode()


async def update(school: School, **given: Any) -> dict[str, Any]:
    made: dict[str, Any] = (await school.ask(UPDATE, {"input": given})).data["updateBranding"]
    return made


async def publish(school: School, **given: Any) -> dict[str, Any]:
    made: dict[str, Any] = (await school.ask(PUBLISH, {"input": given})).data["publishBranding"]["branding"]
    return made


async def test_draft_publish_and_roll_back(school: School) -> None:
    made = (await update(school, logo=drawn("a"), primaryColor="#1D4ED8"))["branding"]
    assert made["logo"].startswith("/files/branding/")
    assert (made["status"], made["primaryColor"], made["version"]) == ("DRAFT", "#1d4ed8", 1)
    assert made["primaryContrast"] == pytest.approx(6.7, abs=0.05)
    nothing = {"logo": None, "primaryColor": None, "secondaryColor": None, "favicon": None}
    assert (await school.ask(SHOWN)).data["organization"]["branding"] == nothing
    first = await publish(school, version=1)
    shown = {**nothing, "logo": made["logo"], "primaryColor": "#1d4ed8"}
    reply = await school.ask(SHOWN, caller=school.learner)
    assert (reply.data["organization"]["branding"], reply.statements) == (shown, 1)
    await update(school, primaryColor="#166534", secondaryColor="#777777")
    assert (await publish(school))["id"] != first["id"]
    back = await school.ask(ROLL_BACK, {"input": {"id": first["id"]}})
    assert back.data["rollBackBranding"]["branding"]["status"] == "PUBLISHED"
    assert (await school.ask(SHOWN)).data["organization"]["branding"] == shown
    listed = (await school.ask(LISTED)).data["brandings"]
    assert listed["totalCount"] == 2
    assert [node["status"] for node in listed["nodes"]] == ["PUBLISHED", "RETIRED"]


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"primaryColor": "#ffcc00"}, "CONTRAST_TOO_LOW", "primaryColor"),
        ({"secondaryColor": "#cccccc"}, "CONTRAST_TOO_LOW", "secondaryColor"),
        ({"primaryColor": "blue"}, "VALIDATION_FAILED", "primaryColor"),
        ({"primaryColor": "\0" * 7}, "VALIDATION_FAILED", "primaryColor"),
        ({"secondaryColor": "אדום"}, "VALIDATION_FAILED", "secondaryColor"),
        ({"logo": "😀"}, "VALIDATION_FAILED", "logo"),
        ({"logo": b64encode(b"<!DOCTYPE svg><svg/>").decode()}, "VALIDATION_FAILED", "logo"),
        ({"favicon": b64encode(bytes(300_000)).decode()}, "VALIDATION_FAILED", "favicon"),
        ({"version": 7}, "CONFLICT", None),
    ],
)
async def test_bad_input_leaves_no_draft(
    school: School, given: dict[str, Any], code: str, field: str | None
) -> None:
    reply = await school.ask(UPDATE, {"input": given})
    assert (reply.code, reply.field) == (code, field)
    assert (await school.ask(LISTED)).data["brandings"]["totalCount"] == 0


async def test_the_measured_ratio_is_told(school: School) -> None:
    (error,) = (await update(school, primaryColor="#ffcc00"))["errors"]
    assert error["message"] == "The contrast of #ffcc00 with white is 1.51:1; WCAG AA asks for 4.5:1."


async def test_what_is_not_there_is_neither_published_nor_rolled_back_to(school: School) -> None:
    assert (await school.ask(PUBLISH, {"input": {}})).code == "CONFLICT"
    for id_, code in (("x", "INVALID_ID"), (school.id(NodeKind.BRANDING, new_id()), "NOT_FOUND")):
        assert (await school.ask(ROLL_BACK, {"input": {"id": id_}})).code == code


async def test_a_draft_is_discarded(school: School) -> None:
    assert (await school.ask(DISCARD, {"input": {}})).code == "CONFLICT"
    made = (await update(school, primaryColor="#000000"))["branding"]
    assert (await school.ask(DISCARD, {"input": {"version": 7}})).code == "CONFLICT"
    told = (await school.ask(DISCARD, {"input": {"version": 1}})).data["discardBranding"]
    assert told == {"errors": [], "discardedBrandingId": made["id"]}
    assert (await school.ask(LISTED)).data["brandings"]["totalCount"] == 0
