"""`/auth/token`, `/auth/refresh`: for apps; `/.well-known/jwks.json`: for whoever checks their tokens."""

from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from harka import clock
from harka.auth import token as tokens
from harka.codec import json_bytes
from harka.errors import BadRequestError, InvalidIdError, NotFoundError, SsoRefusedError, UnavailableError
from harka.ids import NodeKind
from harka.learning import app_sign_in, entrance, sso_entrance
from harka.learning.entrance import Shown
from harka.learning.session import Begun, Device
from harka.learning.sso import SsoOutcome
from harka.repositories import signing_key as signing_keys
from harka.repositories.session import SessionKind
from harka.repositories.signing_key import SigningKey
from harka.runtime import Runtime
from harka.tenancy.context import TenantContext
from harka.web.json_body import read_json
from harka.web.visitor import device_of, visit

ACCESS_LIFETIME: Final = timedelta(minutes=10)


class _Credentials(msgspec.Struct, frozen=True):
    """A password with its address, or what `/auth/app` sent the browser back with."""

    email: str | None = None
    password: str | None = None
    code: str | None = None
    """Of a second factor; beside `code_verifier`, the one that stands for a sign-in by the browser."""
    connection: str | None = None
    """A directory whose password it is; `email` is then what people are called there."""
    code_verifier: str | None = None
    redirect_uri: str = ""
    device_token: str = ""
    """What the app got when this address came in on this device before."""


class _Spent(msgspec.Struct, frozen=True):
    refresh_token: str


class Token:
    """Signs an app in: an access token for ten minutes, and a refresh token for the next."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        runtime, request = self._runtime, scope["harka"]
        tenant = await visit(runtime, request, scope["headers"])
        given = await read_json(scope, receive, _Credentials)
        device = device_of(SessionKind.APP, request, scope["headers"], given.device_token)
        key = await _signing_key(runtime, tenant)
        begun = await self._begun(tenant, given, device)
        answer = _tokens(runtime, key, begun.session.user_id, begun.session.id, begun.token)
        if given.password is not None and given.connection is None and given.email is not None:
            answer["device_token"] = entrance.device_tokens(
                runtime.entrance, tenant, given.email, given.device_token
            )
        await _json(answer)(scope, receive, send)

    async def _begun(self, tenant: TenantContext, given: _Credentials, device: Device) -> Begun:
        way = self._runtime.entrance
        if given.code_verifier is not None:
            code = given.code or ""
            return await app_sign_in.redeem(
                way, tenant, code, given.code_verifier, given.redirect_uri, device
            )
        if given.email is None or given.password is None:
            raise BadRequestError("`email` and `password` are needed, or `code` and `code_verifier`.")
        if given.connection is not None:
            return await self._by_directory(tenant, given.email, given.password, given.connection, device)
        return await entrance.sign_in(way, tenant, Shown(given.email, given.password, given.code), device)

    async def _by_directory(
        self, tenant: TenantContext, login: str, password: str, connection: str, device: Device
    ) -> Begun:
        runtime = self._runtime
        try:
            id_ = runtime.node_ids.open_as(tenant.id, NodeKind.SSO_CONNECTION, connection)
        except InvalidIdError:
            raise NotFoundError from None
        arrived = await sso_entrance.enter(runtime.entrance, tenant, id_, login, password, "", device)
        if arrived.begun is None:
            # they show the password that links them in a browser, once
            raise SsoRefusedError(SsoOutcome.ADDRESS_TAKEN)
        return arrived.begun


class Refresh:
    """Spends a refresh token for the next, and for another access token."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        runtime = self._runtime
        tenant = await visit(runtime, scope["harka"], scope["headers"])
        given = await read_json(scope, receive, _Spent)
        key = await _signing_key(runtime, tenant)
        done = await entrance.refresh(runtime.entrance, tenant, given.refresh_token)
        answer = _tokens(runtime, key, done.held.user_id, done.held.id, done.token)
        await _json(answer)(scope, receive, send)


class JsonWebKeys:
    """The public halves of the organization's keys, also of those that sign no more."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        tenant = await visit(self._runtime, scope["harka"], scope["headers"])
        record = self._runtime.directory.current.records.get(tenant.id)
        keys = () if record is None else record.signing_keys
        body = json_bytes(
            {"keys": [{**key.public_jwk, "kid": key.kid, "alg": key.algorithm, "use": "sig"} for key in keys]}
        )
        headers = {"Cache-Control": f"public, max-age={int(signing_keys.SHOWN_FOR.total_seconds())}"}
        await Response(body, headers=headers, media_type="application/jwk-set+json")(scope, receive, send)


async def _signing_key(runtime: Runtime, tenant: TenantContext) -> SigningKey:
    """Before anything is spent: who hears nothing then comes with it again, as a thief would."""
    async with tenant.place():
        key = await signing_keys.find_current(runtime.catalog, tenant.id)
    if key is None:
        raise UnavailableError
    return key


def _tokens(
    runtime: Runtime, key: SigningKey, user: UUID, session: UUID, refresh_token: str
) -> dict[str, str | int]:
    access = tokens.issue(
        key,
        runtime.keyring,
        runtime.settings,
        user=user,
        lifetime=ACCESS_LIFETIME,
        now=clock.now(),
        session=session,
    )
    return {
        "access_token": access,
        "token_type": "Bearer",
        "expires_in": int(ACCESS_LIFETIME.total_seconds()),
        "refresh_token": refresh_token,
    }


def _json(answer: dict[str, str | int]) -> Response:
    return Response(json_bytes(answer), media_type="application/json")
