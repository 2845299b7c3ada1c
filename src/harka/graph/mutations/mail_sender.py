from typing import Annotated

import msgspec
import strawberry

from harka.graph.context import Info
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.payload import MutationInput, Payload
from harka.graph.types.job import TenantJob
from harka.graph.types.mail_sender import MailSender
from harka.ids import NodeKind
from harka.learning import mail_sender
from harka.learning.mail_sender import LONGEST_PASSWORD, LONGEST_USERNAME, PORTS, SenderDraft
from harka.tenancy.permission import Permission

_JOB = "Who sends the caller an e-mail by it: when it is done, all others go out by it, too."


class Deleted(msgspec.Struct, frozen=True):
    deleted_mail_sender_id: str


@graph_input
class SetMailSenderInput(MutationInput):
    """A server that takes e-mails for the organization, and from where they are to come."""

    address: str = value("Where e-mails come from: an address that the server lets it send from.")
    host: str = value("The name of the SMTP server, on the public internet; its certificate must be of it.")
    port: int = value(f"One of {', '.join(map(str, PORTS))}.", default=587)
    start_tls: bool = value(
        "Whether it is encrypted once it has begun, as at 587; false where it is from the first byte on, as "
        "at 465.",
        default=True,
    )
    username: str = value(f"As whom it lets the organization in: up to {LONGEST_USERNAME} characters.")
    password: str = value(
        f"Up to {LONGEST_PASSWORD} characters. It is kept sealed, and never shown again: give it each time."
    )
    version: int | None = value(
        "The version that was read; omit it to put this in the place of whatever there is.", default=None
    )


@graph_input
class TestMailSenderInput(MutationInput):
    """Nothing but that it is to be tried."""


@graph_input
class DeleteMailSenderInput(MutationInput):
    """What is to be used no more."""

    version: int | None = value(
        "The version that was read; omit it to delete whatever there is.", default=None
    )


@graph_type
class SetMailSenderPayload(Payload):
    """What was set."""

    mail_sender: MailSender | None = leaf("It as it is now.")
    job: TenantJob | None = leaf(_JOB)


@graph_type
class TestMailSenderPayload(Payload):
    """What is tried."""

    mail_sender: MailSender | None = leaf("It as it is now: look again what became of it.")
    job: TenantJob | None = leaf(_JOB)


@graph_type
class DeleteMailSenderPayload(Payload):
    """What there is no more."""

    deleted_mail_sender_id: strawberry.ID | None = leaf("The id that names nothing any more.")


async def _set(
    info: Info,
    given: Annotated[SetMailSenderInput, strawberry.argument(name="input", description="Which.")],
) -> mail_sender.Tried:
    context = info.context
    draft = SenderDraft(
        address=given.address,
        host=given.host,
        port=given.port,
        start_tls=given.start_tls,
        username=given.username,
        password=given.password,
    )
    return await mail_sender.put(
        context.work, draft, version=given.version, seal_key=context.runtime.keyring.seal
    )


async def _test(
    info: Info,
    given: Annotated[TestMailSenderInput, strawberry.argument(name="input", description="Nothing.")],  # noqa: ARG001 - every mutation has one
) -> mail_sender.Tried:
    return await mail_sender.try_out(info.context.work)


async def _delete(
    info: Info,
    given: Annotated[DeleteMailSenderInput, strawberry.argument(name="input", description="Which.")],
) -> Deleted:
    context = info.context
    gone = await mail_sender.delete(context.work, version=given.version)
    return Deleted(context.runtime.node_ids.seal(context.tenant.id, NodeKind.MAIL_SENDER, gone))


@strawberry.type
class MailSenderMutation:
    set_mail_sender: SetMailSenderPayload | None = mutation(
        _set,
        "Have the organization's e-mails sent by a server of its own, from its own address. It is used once "
        "an e-mail to the caller has gone out by it; e-mails of what is wrong with the organization never "
        "are. FEATURE_NOT_IN_PLAN without `customBranding`.",
        requires=Permission.ORGANIZATION_WRITE,
    )
    test_mail_sender: TestMailSenderPayload | None = mutation(
        _test,
        "Send the caller an e-mail by the organization's own server.",
        requires=Permission.ORGANIZATION_WRITE,
    )
    delete_mail_sender: DeleteMailSenderPayload | None = mutation(
        _delete,
        "Have the organization's e-mails sent by the platform's server again.",
        requires=Permission.ORGANIZATION_WRITE,
    )
