"""Every path of the HTTP surface, and the layers a request passes on its way in. Read this after `app.py`."""

from functools import partial

from starlette.routing import Route, Router, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from harka.errors import NotFoundError
from harka.graph.execution import Engine
from harka.graph.trusted import read_trusted
from harka.runtime import Runtime
from harka.web.app_sign_in import AppSignIn
from harka.web.auth_tokens import JsonWebKeys, Refresh, Token
from harka.web.branding import BrandingFiles
from harka.web.certificate import CertificateFiles
from harka.web.dashboard import Dashboard, own_documents, welcome
from harka.web.files import Files, is_upload
from harka.web.graphql import GraphQLEndpoint
from harka.web.graphql_post import PATH, GraphQLPost
from harka.web.health import Health
from harka.web.invitation import AcceptInvitation
from harka.web.listeners import Listeners
from harka.web.middleware.access_log import AccessLogMiddleware
from harka.web.middleware.awaited import Awaited
from harka.web.middleware.body_limit import BodyLimitMiddleware
from harka.web.middleware.deadline import DeadlineMiddleware
from harka.web.middleware.draining import Draining, DrainingMiddleware
from harka.web.middleware.failures import FailuresMiddleware
from harka.web.middleware.methods import Methods
from harka.web.middleware.request_scope import RequestScopeMiddleware
from harka.web.middleware.security_headers import SecurityHeadersMiddleware
from harka.web.middleware.tenant_door import HostDoor, TenantDoor
from harka.web.outbox import Outbox
from harka.web.passkey import (
    PasskeyChange,
    PasskeyCreation,
    PasskeyCreationOptions,
    PasskeyOptions,
    Passkeys,
    PasskeyScript,
    PasskeySignIn,
)
from harka.web.password_request import PATH as RESET_PATH
from harka.web.password_request import AskReset
from harka.web.saml import SamlAcs, SamlEnter, SamlMetadata
from harka.web.scim.door import Scim
from harka.web.sign_in import ResetPassword, SignIn, SignOut, Styles
from harka.web.sso import Discover, SsoCallback, SsoEnd, SsoLink, SsoSignIn, SsoStart
from harka.web.sso_logout import BackchannelLogout
from harka.web.unsubscribe import Unsubscribe
from harka.web.visitor import WholeVisit


def build(runtime: Runtime, draining: Draining, listeners: Listeners | None = None) -> ASGIApp:
    """The whole HTTP application over an open runtime; the last layer named is the first one passed.

    `listeners`: run by the caller. One path is short: what a `POST /graphql` passes is written out in
    `graphql_post`, in the same order.
    """
    settings = runtime.settings
    engine = Engine(runtime, trusted=read_trusted(settings, own_documents()))
    app: ASGIApp = Router(
        _routes(runtime, engine, draining, listeners or Listeners(runtime)),
        redirect_slashes=False,
        default=HostDoor(_nothing, runtime),
    )
    app = BodyLimitMiddleware(app, limit=settings.max_body_bytes, exempt=is_upload)
    app = DeadlineMiddleware(app)
    app = FailuresMiddleware(app)
    app = SecurityHeadersMiddleware(app)
    app = DrainingMiddleware(app, draining)
    app = AccessLogMiddleware(app, runtime.metrics)
    app = RequestScopeMiddleware(
        app, trusted_proxies=settings.trusted_proxies, timeout=settings.request_timeout
    )
    return GraphQLPost(runtime, engine, app)


def _routes(
    runtime: Runtime, engine: Engine, draining: Draining, listeners: Listeners
) -> list[Route | WebSocketRoute]:
    health = Health(runtime, draining)
    graphql = GraphQLEndpoint(runtime, engine, listeners)
    files = TenantDoor(Methods(Files(runtime), "GET", "HEAD", "PUT"), runtime)
    certificates = Awaited(TenantDoor(Methods(CertificateFiles(runtime), "GET", "HEAD"), runtime))
    branding = Awaited(TenantDoor(Methods(BrandingFiles(runtime), "GET", "HEAD"), runtime))
    dashboard = HostDoor(Methods(Dashboard(), "GET", "HEAD"), runtime)
    return [
        Route("/livez", Methods(health.livez, "GET", "HEAD")),
        Route("/readyz", Methods(health.readyz, "GET", "HEAD")),
        Route(PATH, HostDoor(Methods(graphql, "GET", "POST"), runtime)),
        # a browser cannot send credentials with the handshake: who asks is said in the first message
        WebSocketRoute(PATH, HostDoor(graphql, runtime)),
        *_ways_in(runtime),
        *_ways_out(runtime),
        Route("/auth/pages.css", HostDoor(Methods(Styles(), "GET", "HEAD"), runtime)),
        Route("/auth/passkey.js", HostDoor(Methods(PasskeyScript(), "GET", "HEAD"), runtime)),
        Route("/scim/{path:path}", Awaited(Scim(runtime))),
        Route("/files/certificates/{link}", certificates),
        Route("/files/branding/{hash}", branding),
        Route("/files/{link}", files),
        Route("/", HostDoor(Methods(welcome, "GET", "HEAD"), runtime)),
        Route("/dashboard", dashboard),
        Route("/dashboard/", dashboard),
        Route("/dashboard/{name}", dashboard),
        *_development(runtime),
    ]


def _development(runtime: Runtime) -> list[Route]:
    outbox = runtime.settings.mail_outbox
    if outbox is None:
        return []
    # at an organization's address alone: a page elsewhere that calls itself this machine reads nothing
    shown = HostDoor(Methods(Outbox(outbox), "GET", "HEAD"), runtime)
    return [Route("/dev/outbox", shown), Route("/dev/outbox/{name}", shown)]


def _ways_in(runtime: Runtime) -> list[Route]:
    """Each looks itself which organization is at the address: who comes is nobody yet."""
    way = partial(_way, runtime)
    return [
        way("/auth/sign-in", SignIn(runtime), "GET", "HEAD", "POST"),
        way("/auth/app", AppSignIn(runtime), "GET", "HEAD", "POST"),
        way("/auth/reset", ResetPassword(runtime), "GET", "HEAD", "POST"),
        way(RESET_PATH, AskReset(runtime), "GET", "HEAD", "POST"),
        way("/auth/sso/link", SsoLink(runtime), "POST"),
        way("/auth/sso/{id}/start", SsoStart(runtime), "GET"),
        way("/auth/sso/{id}/sign-in", SsoSignIn(runtime), "POST"),
        way("/auth/sso/{id}/callback", SsoCallback(runtime), "GET"),
        way("/auth/sso/{id}/end", SsoEnd(runtime), "GET"),
        way("/auth/saml/{id}/metadata", SamlMetadata(runtime), "GET", "HEAD"),
        way("/auth/saml/{id}/acs", SamlAcs(runtime), "POST"),
        way("/auth/saml/{id}/enter", SamlEnter(runtime), "GET"),
        way("/auth/discover", Discover(runtime), "POST"),
        way("/auth/invitation", AcceptInvitation(runtime), "GET", "HEAD", "POST"),
        way("/auth/passkey/options", PasskeyOptions(runtime), "POST"),
        way("/auth/passkey", PasskeySignIn(runtime), "POST"),
        way("/auth/passkeys", Passkeys(runtime), "GET", "HEAD"),
        way("/auth/passkeys/options", PasskeyCreationOptions(runtime), "POST"),
        way("/auth/passkeys/new", PasskeyCreation(runtime), "POST"),
        way("/auth/passkeys/{id}", PasskeyChange(runtime), "POST"),
        way("/auth/token", Token(runtime), "POST"),
        way("/auth/refresh", Refresh(runtime), "POST"),
        way("/.well-known/jwks.json", JsonWebKeys(runtime), "GET", "HEAD"),
    ]


def _ways_out(runtime: Runtime) -> list[Route]:
    """What a POST ends is over, whether or not who sent it waits to hear so, as who closes a tab does not."""
    way = partial(_way, runtime, outlives_client=True)
    return [
        way("/auth/sign-out", SignOut(runtime), "GET", "HEAD", "POST"),
        way("/auth/oidc/{id}/backchannel", BackchannelLogout(runtime), "POST"),
        way("/auth/unsubscribe", Unsubscribe(runtime), "GET", "HEAD", "POST"),
    ]


def _way(runtime: Runtime, path: str, page: ASGIApp, *methods: str, outlives_client: bool = False) -> Route:
    whole = Methods(WholeVisit(page, runtime), *methods)
    return Route(path, Awaited(whole, outlives_client=outlives_client))


async def _nothing(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise NotFoundError
