"""No more e-mails of a kind, by a link out of one, whoever opens it."""

import pytest

from entering import visiting
from harka.auth.mail_token import unsubscribe_token
from harka.ids import new_id
from harka.learning import mail_topic
from harka.learning.mail import MailTopic
from school import School, school

__all__ = ["school"]


def link(school: School, topic: str = MailTopic.CERTIFICATES) -> str:
    key = school.runtime.keyring.mail
    token = unsubscribe_token(key, school.organization.id, school.learner.id, topic)
    return f"/auth/unsubscribe?token={token}"


async def is_refused(school: School, topic: MailTopic = MailTopic.CERTIFICATES) -> bool:
    async with school.work() as work:
        return await mail_topic.is_refused(work, school.learner.id, topic)


async def test_to_look_at_it_changes_nothing_and_the_button_does(school: School) -> None:
    async with visiting(school) as browser:
        shown = await browser.get(link(school))
        assert (shown.status_code, "new certificates?" in shown.text) == (200, True)
        assert link(school) in shown.text
        assert not await is_refused(school)
        done = await browser.post(link(school), {})
        assert (done.status_code, "no more" in done.text) == (200, True)
    assert await is_refused(school)
    assert not await is_refused(school, MailTopic.HEALTH_ALERTS)


async def test_a_mail_program_does_it_at_once(school: School) -> None:
    """As RFC 8058 has it: from elsewhere, without a cookie; and as often as it likes."""
    async with visiting(school) as browser:
        for _ in range(2):
            answer = await browser.post(
                link(school), {"List-Unsubscribe": "One-Click"}, origin="https://mail.example"
            )
            assert answer.status_code == 200
    assert await is_refused(school)


@pytest.mark.parametrize("token", ["", "hu_", "hu_" + "A" * 60, "x" * 5000])
async def test_a_link_of_nobodys_does_nothing(school: School, token: str) -> None:
    async with visiting(school) as browser:
        assert (await browser.get(f"/auth/unsubscribe?token={token}")).status_code == 404
        assert (await browser.post(f"/auth/unsubscribe?token={token}", {})).status_code == 404
    assert not await is_refused(school)


async def test_a_link_to_something_unknown_or_of_another_organization_does_nothing(school: School) -> None:
    key = school.runtime.keyring.mail
    foreign = unsubscribe_token(key, new_id(), school.learner.id, MailTopic.CERTIFICATES)
    async with visiting(school) as browser:
        for path in (link(school, "something"), f"/auth/unsubscribe?token={foreign}"):
            assert (await browser.post(path, {})).status_code == 404
