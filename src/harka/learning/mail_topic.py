"""Which e-mails a person gets and which they have refused, said by themselves."""

from uuid import UUID

import msgspec

from harka.learning import user
from harka.learning.mail import MailTopic
from harka.learning.work import UnitOfWork
from harka.repositories import mail_topic as refusals


class MailSubscription(msgspec.Struct, frozen=True):
    """`topic`: a `MailTopic`."""

    topic: str
    subscribed: bool


async def of_viewer(work: UnitOfWork) -> list[MailSubscription]:
    """Of who asks, every topic; none for a program, which is nobody."""
    me = work.context.user
    if me is None:
        return []
    refused = await refusals.find(work.session, me.id)
    return [MailSubscription(str(topic), topic not in refused) for topic in MailTopic]


async def choose(work: UnitOfWork, topic: MailTopic, *, subscribed: bool) -> list[MailSubscription]:
    """Of oneself. Raise `ValidationError` for a program."""
    me = user.myself(work.context)
    if subscribed:
        await refusals.delete(work.session, me.id, topic)
    else:
        await refusals.insert(work.session, me.id, topic)
    return await of_viewer(work)


async def refuse(work: UnitOfWork, user_id: UUID, topic: MailTopic) -> None:
    """By a link out of an e-mail to them, which says who they are: nobody need sign in to be left alone."""
    await refusals.insert(work.session, user_id, topic)


async def is_refused(work: UnitOfWork, user_id: UUID, topic: MailTopic) -> bool:
    return topic in await refusals.find(work.session, user_id)
