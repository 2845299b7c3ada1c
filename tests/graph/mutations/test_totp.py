import time
from base64 import b32decode
from typing import Any

from entering import PASSWORD, Visitor, give_password, visiting
from harka.auth.totp import STEP_SECONDS, code_at
from harka.ids import NodeKind
from school import School

SET_UP = """mutation ($input: SetUpTotpInput!) { setUpTotp(input: $input) {
  errors { code field } secret address } }"""
CONFIRM = """mutation ($input: ConfirmTotpInput!) { confirmTotp(input: $input) {
  errors { code field } recoveryCodes user { id } } }"""
REMOVE = """mutation ($input: RemoveTotpInput!) { removeTotp(input: $input) {
  errors { code field } user { id } } }"""


def code_of(secret: str, *, ahead: int = 0) -> str:
    return code_at(b32decode(secret), int(time.time()) // STEP_SECONDS + ahead)


async def change(school: School, document: str, **given: Any) -> dict[str, Any]:
    reply = await school.ask(document, {"input": given}, caller=school.learner)
    (done,) = reply.data.values()
    return dict(done)


async def set_up(school: School) -> tuple[str, list[str]]:
    """The secret and the recovery codes of the learner's device."""
    await give_password(school, school.learner)
    proposed = await change(school, SET_UP, password=PASSWORD)
    assert proposed["address"].startswith("otpauth://totp/")
    done = await change(school, CONFIRM, code=code_of(proposed["secret"], ahead=-1))
    assert done["errors"] == []
    return proposed["secret"], done["recoveryCodes"]


async def enter(browser: Visitor, school: School, code: str | None = None) -> int:
    more = {} if code is None else {"code": code}
    return (await browser.sign_in(school.learner.email, **more)).status_code


async def test_a_code_is_asked_for_once_it_was_proved_and_is_good_once(school: School) -> None:
    secret, recovery = await set_up(school)
    async with visiting(school) as browser:
        asked = await browser.sign_in(school.learner.email)
        assert asked.status_code == 401
        assert "second device" in asked.text
        code = code_of(secret)
        assert await enter(browser, school, "000000") == 401
        assert await enter(browser, school, code) == 303
        assert await enter(browser, school, code) == 401
        assert await enter(browser, school, recovery[0].lower()) == 303
        assert await enter(browser, school, recovery[0]) == 401
        assert await enter(browser, school, recovery[1]) == 303


async def test_an_unproved_secret_is_not_asked_for_and_a_wrong_code_proves_nothing(school: School) -> None:
    await give_password(school, school.learner)
    assert (await change(school, SET_UP, password="wrong"))["errors"][0]["field"] == "password"
    assert (await change(school, CONFIRM, code="123456"))["errors"][0]["code"] == "CONFLICT"
    proposed = await change(school, SET_UP, password=PASSWORD)
    for wrong in ("", "000000", code_of(proposed["secret"], ahead=7), "\0"):
        assert (await change(school, CONFIRM, code=wrong))["errors"][0]["field"] == "code"
    async with visiting(school) as browser:
        assert await enter(browser, school) == 303


async def test_the_second_factor_is_removed_by_its_owner_or_an_admin(school: School) -> None:
    await set_up(school)
    assert (await change(school, SET_UP, password=PASSWORD))["errors"][0]["code"] == "CONFLICT"
    assert (await change(school, REMOVE, password="wrong"))["errors"][0]["field"] == "password"
    theirs = {"input": {"userId": school.id(NodeKind.USER, school.learner)}}
    assert (await school.ask(REMOVE, theirs, caller=school.other)).code == "FORBIDDEN"
    async with visiting(school) as browser:
        assert await enter(browser, school) == 401
        assert (await change(school, REMOVE, password=PASSWORD))["errors"] == []
        assert await enter(browser, school) == 303
        await set_up(school)
        assert (await school.ask(REMOVE, theirs, caller=school.owner)).data["removeTotp"]["errors"] == []
        assert await enter(browser, school) == 303


async def test_another_version_of_the_person_is_a_conflict_and_changes_nothing(school: School) -> None:
    await give_password(school, school.learner)
    for version, code in ((school.learner.version + 1, "CONFLICT"), (school.learner.version, None)):
        proposed = await change(school, SET_UP, password=PASSWORD, version=version)
        assert [error["code"] for error in proposed["errors"]] == ([code] if code else [])
        assert (proposed["secret"] is None) == (code is not None)
    done = await change(school, CONFIRM, code=code_of(proposed["secret"], ahead=-1))
    assert done["errors"] == []
    stale = {"version": school.learner.version + 1}
    assert (await change(school, REMOVE, password=PASSWORD, **stale))["errors"][0]["code"] == "CONFLICT"
    given = {"userId": school.id(NodeKind.USER, school.learner), **stale}
    refused = await school.ask(REMOVE, {"input": given}, caller=school.owner)
    assert refused.data["removeTotp"]["errors"][0]["code"] == "CONFLICT"
    async with visiting(school) as browser:
        assert await enter(browser, school) == 401
        assert (await change(school, REMOVE, password=PASSWORD, version=school.learner.version))[
            "errors"
        ] == []
        assert await enter(browser, school) == 303
