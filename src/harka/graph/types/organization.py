from datetime import datetime

import strawberry
from strawberry.scalars import JSON

from harka.graph.context import Info
from harka.graph.enums import OrganizationStatus, Plan
from harka.graph.field import field, graph_type, leaf, related
from harka.graph.loaders.branding import LookByOrganizationLoader
from harka.graph.loaders.organization import ActiveUserCountByOrganizationLoader, OrganizationByIdLoader
from harka.graph.node import Node, node_type
from harka.graph.types.branding import OrganizationBranding
from harka.graph.types.quota import OrganizationQuota, quota_of
from harka.ids import NodeKind
from harka.repositories.organization import Organization as OrganizationRow
from harka.tenancy.entitlement import features_for, limits_for
from harka.tenancy.permission import Permission
from harka.tenancy.plan import Features


def _limit(root: OrganizationRow) -> int | None:
    return limits_for(root).users


@graph_type
class OrganizationUsers:
    """How many people an organization has, and may have."""

    limit: int | None = field(
        _limit, "How many active people the plan allows; null for as many as they like."
    )
    active: int = related(
        ActiveUserCountByOrganizationLoader,
        "id",
        "How many people may sign in. A manager of groups is told of the people of these only.",
    )


@graph_type
class OrganizationFeatures:
    """What an organization's plan, or an exception made for it, turns on."""

    sso: bool = leaf(
        "Single sign-on with the organization's own identity provider, and SCIM from its directory.",
        name="sso",
    )
    custom_branding: bool = leaf("Logo, colours, internet domains and an e-mail server of their own.")
    api_access: bool = leaf("API keys, and webhooks.")
    advanced_analytics: bool = leaf("`courseAnalytics`: how far the people of a course get.")
    custom_ai: bool = leaf("AI models of their own. Nothing asks for it yet.", name="customAI")


def _itself(root: OrganizationRow) -> OrganizationRow:
    return root


def _features(root: OrganizationRow) -> Features:
    return features_for(root)


def _domain(root: OrganizationRow) -> str | None:
    return root.domain if features_for(root).custom_branding else None


@node_type(OrganizationRow, NodeKind.ORGANIZATION, OrganizationByIdLoader)
class Organization(Node):
    """An organization that uses the platform. Everything belongs to exactly one; callers see their own."""

    name: str = leaf("What the organization is called.")
    domain: str | None = field(
        _domain,
        "Its own internet domain, once verified; null without one, and as long as the plan has no "
        "`customBranding`, when it leads nowhere.",
    )
    slug: str = leaf("Its short name: the first part of its address on the platform.")
    plan: Plan = leaf("What it has bought.")
    status: OrganizationStatus = leaf("Whether it is served.")
    users: OrganizationUsers = field(_itself, "How many people it has, and may have.")
    features: OrganizationFeatures = field(_features, "What is turned on for it.")
    branding: OrganizationBranding = related(
        LookByOrganizationLoader, "id", "How its pages look: what is published."
    )
    quota: OrganizationQuota | None = field(
        quota_of, "What it may use, and uses.", requires=Permission.ANALYTICS_READ, several=True
    )
    settings: JSON = leaf(
        "Its settings: an object whose keys are documented with the features that read them."
    )
    locale: str = leaf("Its language, as a BCP 47 tag, unless a person says otherwise.")
    timezone: str = leaf("Its time zone, as an IANA name, unless a person says otherwise.")
    region: str | None = leaf("Where its data are kept; null when it did not ask for a place.")
    created_at: datetime = leaf("When the organization was created.")
    updated_at: datetime = leaf("When it last changed.")
    version: int = leaf("Grows with every change.")


def _organization(info: Info) -> OrganizationRow:
    return info.context.tenant.organization


@strawberry.type
class OrganizationQuery:
    organization: Organization | None = field(
        _organization, "The caller's organization.", requires=Permission.ORGANIZATION_READ
    )
