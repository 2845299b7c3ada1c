from harka.graph.field import graph_type, leaf
from harka.graph.mail_topic import MailTopic


@graph_type
class MailSubscription:
    """Whether a person gets e-mails of a kind. Answers to what they do, such as links, are always sent."""

    topic: MailTopic = leaf("Which e-mails.")
    subscribed: bool = leaf("Whether they get them, where the organization has such e-mails sent.")
