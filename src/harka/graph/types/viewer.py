from collections.abc import Sequence

import strawberry

from harka.graph.context import Info
from harka.graph.enums import ViewerKind
from harka.graph.field import field, graph_type
from harka.graph.types import later
from harka.graph.types.mail_subscription import MailSubscription
from harka.learning import mail_topic
from harka.learning.mail_topic import MailSubscription as SubscriptionRow
from harka.repositories.organization import Organization as OrganizationRow
from harka.repositories.user import User as UserRow
from harka.tenancy.context import ActorKind, TenantContext
from harka.tenancy.permission import Permission


def _kind(root: TenantContext) -> str:
    return root.actor.kind


def _user(root: TenantContext) -> UserRow | None:
    return root.user


def _organization(root: TenantContext) -> OrganizationRow:
    return root.organization


def _permissions(root: TenantContext) -> list[str]:
    return sorted(root.permissions)


async def _subscriptions(root: TenantContext, info: Info) -> Sequence[SubscriptionRow]:  # noqa: ARG001 - root is the caller
    return await mail_topic.of_viewer(info.context.work)


@graph_type
class Viewer:
    """Who is calling, and what they may do."""

    kind: ViewerKind = field(_kind, "What the caller is.")
    user: later.User | None = field(
        _user, "The person who is calling; null for a program that does not act for a person."
    )
    organization: later.Organization | None = field(
        _organization, "The caller's organization.", requires=Permission.ORGANIZATION_READ
    )
    permissions: list[str] = field(_permissions, "What the caller may do, in alphabetical order.")
    mail_subscriptions: list[MailSubscription] = field(
        _subscriptions, "Which e-mails the caller gets, of those that may be refused; none for a program."
    )


def _viewer(info: Info) -> TenantContext | None:
    tenant = info.context.tenant
    return None if tenant.actor.kind is ActorKind.ANONYMOUS else tenant


@strawberry.type
class ViewerQuery:
    viewer: Viewer | None = field(_viewer, "Who is calling; null for an anonymous caller.")
