"""Which attributes people and groups have here: what `/Schemas` tells, and what requests are read by.

What is no attribute of these is passed over: a directory sends what it has, a password among it.
"""

from typing import Annotated, Any, Final

from pydantic import Field, model_validator
from scim2_models import (
    URN,
    CaseExact,
    ComplexAttribute,
    Extension,
    External,
    Mutability,
    Reference,
    Required,
    Resource,
    ResourceType,
    ScimPolicy,
    ScimProvider,
    ServiceProviderConfig,
    Uniqueness,
)

from harka.learning.scim_user import ROLES

MOST_RESULTS: Final = 200
MOST_OPERATIONS: Final = 1_000
CORE_USER: Final = "urn:ietf:params:scim:schemas:core:2.0:User"
CORE_GROUP: Final = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE: Final = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

POLICY: Final = ScimPolicy(
    unknown=ScimPolicy.Unknown.ignore,
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
)
"""What Okta and Entra write that the RFC does not."""


class _Valued(ComplexAttribute):
    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, given: Any) -> Any:
        """Entra sends the value alone."""
        return {"value": given} if isinstance(given, str) else given


class Name(ComplexAttribute):
    formatted: str | None = None
    """The whole name, as it is shown."""
    family_name: str | None = None
    """The family name."""
    given_name: str | None = None
    """The given name."""
    middle_name: str | None = None
    """What stands between them."""
    honorific_prefix: str | None = None
    """What stands before the name."""
    honorific_suffix: str | None = None
    """What stands after the name."""


class Email(_Valued):
    value: Annotated[str | None, Required.true] = None
    """The address."""
    display: str | None = None
    """How it is shown."""
    type: str | None = Field(None, examples=["work", "home", "other"])
    """What it is for."""
    primary: bool | None = None
    """Whether they are reached by it here; otherwise it is the one for work, or the first."""


class PhoneNumber(_Valued):
    value: str | None = None
    """The number."""
    display: str | None = None
    """How it is shown."""
    type: str | None = Field(None, examples=["work", "home", "mobile", "fax", "pager", "other"])
    """What it is for."""
    primary: bool | None = None
    """Whether it is preferred."""


class Address(ComplexAttribute):
    formatted: str | None = None
    """The whole address."""
    street_address: str | None = None
    """The street."""
    locality: str | None = None
    """The city."""
    region: str | None = None
    """The state or region."""
    postal_code: str | None = None
    """The postal code."""
    country: str | None = None
    """The country."""
    type: str | None = Field(None, examples=["work", "home", "other"])
    """What it is for."""
    primary: bool | None = None
    """Whether it is preferred."""


class Role(_Valued):
    value: str | None = Field(None, examples=list(ROLES))
    """What they may do here. Whoever has another role than these keeps it, whatever the directory says."""
    display: str | None = None
    """How it is shown."""
    type: str | None = None
    """What kind of role it is."""
    primary: bool | None = None
    """Whether it is preferred."""


class Membership(ComplexAttribute):
    value: Annotated[str | None, Mutability.read_only, CaseExact.true] = None
    """The id of the group."""
    ref: Annotated[Reference["Group"] | None, Mutability.read_only] = Field(
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    """The address of the group."""
    display: Annotated[str | None, Mutability.read_only] = None
    """What the group is called."""
    type: Annotated[str | None, Mutability.read_only] = Field(None, examples=["direct"])
    """They are in the group itself."""


class User(Resource[Any]):
    """A person of the organization."""

    __schema__ = URN(CORE_USER)

    user_name: Annotated[str | None, Uniqueness.server, Required.true] = None
    """What the directory calls them, in any case; of whom it has not said anything yet, their address."""
    name: Name | None = None
    """The parts of their name, which is shown where there is no `displayName`."""
    display_name: str | None = None
    """What they are called here."""
    nick_name: str | None = None
    """What they are called among friends."""
    profile_url: Reference[External] | None = None
    """A page about them."""
    title: str | None = None
    """Their title."""
    user_type: str | None = None
    """What they are to the organization."""
    preferred_language: str | None = None
    """Their language, where `locale` says none."""
    locale: str | None = Field(None, examples=["en", "en-GB", "de-DE", "fr-FR", "pt-BR"])
    """Their language, as a BCP 47 tag."""
    timezone: str | None = Field(None, examples=["UTC", "Europe/Berlin", "Europe/London", "America/New_York"])
    """Their time zone, as an IANA name."""
    active: Annotated[bool | None, Required.true] = None
    """Whether they may come in; somebody new may, unless it says otherwise."""
    emails: Annotated[list[Email] | None, Required.true] = None
    """Their addresses, of which one is used here. Who comes without has their `userName` for it."""
    phone_numbers: list[PhoneNumber] | None = None
    """Their numbers."""
    addresses: list[Address] | None = None
    """Where they are."""
    groups: Annotated[list[Membership] | None, Mutability.read_only] = None
    """The groups they are in, the first hundred."""
    roles: list[Role] | None = None
    """What they may do here: the first that is one of ours counts. Without any: a learner."""


class Manager(_Valued):
    value: Annotated[str | None, CaseExact.true] = None
    """The id of their manager, as the directory says it."""
    display_name: Annotated[str | None, Mutability.read_only] = None
    """Not told."""


class EnterpriseUser(Extension):
    """What an organization says of its people besides; kept, and told again."""

    __schema__ = URN(ENTERPRISE)

    employee_number: str | None = None
    """Their number."""
    cost_center: str | None = None
    """Their cost center."""
    organization: str | None = None
    """Their organization."""
    division: str | None = None
    """Their division."""
    department: str | None = None
    """Their department."""
    manager: Manager | None = None
    """Their manager."""


class Member(_Valued):
    value: Annotated[str | None, Mutability.immutable, CaseExact.true] = None
    """The id of the person."""
    ref: Annotated[Reference["User"] | None, Mutability.immutable] = Field(
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    """The address of the person."""
    type: Annotated[str | None, Mutability.immutable] = Field(None, examples=["User"])
    """People alone are in groups; which group is below which is said elsewhere."""


class Group(Resource[Any]):
    """People who belong together."""

    __schema__ = URN(CORE_GROUP)

    display_name: Annotated[str | None, Required.true] = None
    """What the group is called."""
    members: list[Member] | None = None
    """Who is in the group."""


Person: Any = User.__class_getitem__(EnterpriseUser)


def provider(base: str, *, largest: int) -> ScimProvider:
    """What is served at an address. `largest`: bytes of a request."""
    config = ServiceProviderConfig.model_validate(
        {
            "patch": {"supported": True},
            "bulk": {"supported": True, "maxOperations": MOST_OPERATIONS, "maxPayloadSize": largest},
            "filter": {"supported": True, "maxResults": MOST_RESULTS},
            "changePassword": {"supported": False},
            "sort": {"supported": True},
            "etag": {"supported": True},
            "authenticationSchemes": [
                {
                    "type": "oauthbearertoken",
                    "name": "Token",
                    "description": "A token that an administrator made by the mutation createScimToken.",
                    "specUri": "https://www.rfc-editor.org/info/rfc6750",
                    "primary": True,
                }
            ],
            "meta": {"resourceType": "ServiceProviderConfig", "location": f"{base}/ServiceProviderConfig"},
        }
    )
    return ScimProvider(
        models=[User, EnterpriseUser, Group],
        resource_types=[ResourceType.from_resource(Person), ResourceType.from_resource(Group)],
        config=config,
        policy=POLICY,
    )
