from collections.abc import Sequence
from typing import Annotated

import msgspec
import strawberry

from harka.graph.context import Info
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.mail_topic import MailTopic
from harka.graph.payload import MutationInput, Payload
from harka.graph.permission import Access
from harka.graph.types.mail_subscription import MailSubscription
from harka.learning import mail_topic
from harka.learning.mail_topic import MailSubscription as SubscriptionRow


class Chosen(msgspec.Struct, frozen=True):
    mail_subscriptions: Sequence[SubscriptionRow]


@graph_input
class SetMailSubscriptionInput(MutationInput):
    """Which e-mails the caller wants."""

    topic: MailTopic = value("Which e-mails.")
    subscribed: bool = value("Whether to get them.")


@graph_type
class SetMailSubscriptionPayload(Payload):
    """What the caller gets now."""

    mail_subscriptions: list[MailSubscription] | None = leaf("Every kind of e-mails that may be refused.")


async def _set(
    info: Info,
    given: Annotated[SetMailSubscriptionInput, strawberry.argument(name="input", description="Which.")],
) -> Chosen:
    return Chosen(
        await mail_topic.choose(info.context.work, MailTopic(given.topic), subscribed=given.subscribed)
    )


@strawberry.type
class MailSubscriptionMutation:
    set_mail_subscription: SetMailSubscriptionPayload | None = mutation(
        _set,
        "Get e-mails of a kind, or no more of them. Doing it twice changes nothing.",
        requires=Access.SIGNED_IN,
    )
