from datetime import datetime

import strawberry

from harka.graph.context import Info
from harka.graph.field import field, leaf
from harka.graph.loaders.mail_sender import MailSenderByIdLoader
from harka.graph.node import Node, node_type
from harka.ids import NodeKind
from harka.learning import mail_sender
from harka.repositories.mail_sender import MailSender as SenderRow
from harka.tenancy.permission import Permission


@node_type(SenderRow, NodeKind.MAIL_SENDER, MailSenderByIdLoader)
class MailSender(Node):
    """The organization's own server for its e-mails. Its password is never shown."""

    address: str = leaf("Where e-mails come from.")
    host: str = leaf("The name of the SMTP server.")
    port: int = leaf("Where it listens.")
    start_tls: bool = leaf("Whether it is encrypted once it has begun; otherwise from the first byte on.")
    username: str = leaf("As whom it lets the organization in.")
    verified_at: datetime | None = leaf(
        "When an e-mail first went out by it; null while none has since it was set: until then e-mails go "
        "out by the platform's server."
    )
    failing_since: datetime | None = leaf("Since when it takes no e-mail; null while it does.")
    error: str | None = leaf("Why it takes none, in English.")
    created_at: datetime = leaf("When there first was one.")
    updated_at: datetime = leaf("When it was set.")
    version: int = leaf("Grows each time it is set.")


async def _sender(info: Info) -> SenderRow | None:
    return await mail_sender.find(info.context.work)


@strawberry.type
class MailSenderQuery:
    mail_sender: MailSender | None = field(
        _sender,
        "The organization's own server for its e-mails; null where they go out by the platform's."
        " Not for who manages some groups only.",
        requires=Permission.ORGANIZATION_WRITE,
    )
