"""Enums of single sign-on and of directories, described for clients."""

from harka.graph.enums import _describe as describe
from harka.learning.scim_token import ScimTokenState
from harka.learning.sso import SsoOutcome
from harka.learning.sso_draft import SsoRole
from harka.repositories.sso import SsoKind, SsoRolesAtSignIn, SsoState

__all__ = ["ScimTokenState", "SsoKind", "SsoOutcome", "SsoRole", "SsoRolesAtSignIn", "SsoState"]

describe(
    ScimTokenState,
    "Whether a SCIM token is accepted.",
    live="It is.",
    expired="It has ended.",
    revoked="It was revoked.",
)

describe(
    SsoKind,
    "How a provider speaks.",
    oidc="OpenID Connect.",
    ldap="LDAP: a directory.",
    saml="SAML 2.0: it has browsers post signed assertions.",
)

describe(
    SsoRole, "What one becomes by signing in.", learner="Learner.", instructor="Teacher.", manager="Manager."
)

describe(
    SsoRolesAtSignIn,
    "When somebody becomes what the provider names.",
    first="When they come for the first time; from then on their role is changed here.",
    every="Whenever they come in, also back to less.",
)

describe(
    SsoState,
    "Whether people may come in by a connection.",
    draft="Nobody does yet: it is to be tested.",
    tested="Whoever likes to; passwords are accepted, too.",
    enforced="Everybody must, except owners with a second factor.",
    disabled="Nobody does any more.",
)

describe(
    SsoOutcome,
    "What came of an attempt to come in.",
    signed_in="Somebody came in.",
    linked="Somebody showed by their password that they are whom the provider means, and came in.",
    break_glass="An owner came in by a password although a connection is enforced.",
    wrong_state="It was begun in another browser, too long ago, or not here; or it was used before.",
    wrong_password="Nobody in the directory has this name and this password.",  # noqa: S106 - no password
    provider_error="The provider does not answer, refuses, or is not who it should be.",
    code_refused="The provider gave no token for the code; often the client's secret is wrong.",
    token_refused="The ID token or assertion is not the provider's, or not for this sign-in.",  # noqa: S106 - no token
    address_missing="The provider tells no verified e-mail address of somebody who is not known here.",
    address_taken="Somebody here has the address: they were asked for their password.",
    inactive="The person is deactivated.",
    no_seat="The plan has no seat left for somebody new.",
    signed_out="The provider ended what somebody had begun by it.",
    connection_deleted="Somebody deleted a connection; `detail` says which.",
    logout_refused="Somebody asked to end sessions by a token that is not the provider's, or not for that.",
)
