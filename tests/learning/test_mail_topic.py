import pytest

from academy import Academy
from harka.errors import ValidationError
from harka.learning import mail_topic
from harka.learning.mail import MailTopic
from harka.learning.mail_topic import MailSubscription


async def test_everybody_says_which_they_want_of_themselves(academy: Academy) -> None:
    ada, bob = await academy.user(), await academy.user()
    for _ in range(2):
        async with academy.work(academy.acting(ada)) as work:
            chosen = await mail_topic.choose(work, MailTopic.CERTIFICATES, subscribed=False)
        assert chosen == [MailSubscription("health_alerts", True), MailSubscription("certificates", False)]
    async with academy.work(academy.acting(bob)) as work:
        assert all(each.subscribed for each in await mail_topic.of_viewer(work))
    async with academy.work(academy.acting(ada)) as work:
        await mail_topic.choose(work, MailTopic.CERTIFICATES, subscribed=True)
        assert not await mail_topic.is_refused(work, ada.id, MailTopic.CERTIFICATES)
    assert await academy.rows("mail_refusal") == []


async def test_a_program_gets_none(academy: Academy) -> None:
    async with academy.work() as work:
        assert await mail_topic.of_viewer(work) == []
        with pytest.raises(ValidationError):
            await mail_topic.choose(work, MailTopic.CERTIFICATES, subscribed=False)
