"""`/auth/app`: where an app sends the browser to sign somebody in, and whence it is sent back with a code."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from harka.errors import ValidationError
from harka.learning import app_sign_in
from harka.learning.app_sign_in import Asked
from harka.runtime import Runtime
from harka.tenancy.context import TenantContext
from harka.web.auth_page import lead_to, page, read_form
from harka.web.place import APP, SEE_OTHER, SIGN_IN
from harka.web.visitor import known, visit

_METHOD: Final = "S256"


class AppSignIn:
    """The authorization endpoint of OAuth 2.0; the token endpoint is `/auth/token`."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        runtime, request = self._runtime, scope["harka"]
        tenant = await visit(runtime, request, scope["headers"])
        is_form = scope["method"] == "POST"
        given: Mapping[str, str] = (
            await read_form(runtime, tenant, scope, receive) if is_form else Request(scope).query_params
        )
        try:
            asked = app_sign_in.accept(tenant.organization, _asked(given, is_form=is_form))
        except ValidationError as error:
            # to an address that nobody knows nobody is sent, not even with an error
            request.record.code = error.code
            response: Response = await page(
                runtime, tenant, scope, "app_refused", title="Sign in", error=error
            )
        else:
            person = await known(runtime, request, scope["headers"])
            if person is None or person.session is None:
                response = RedirectResponse(f"{SIGN_IN}?next={quote(_address(asked), safe='')}", SEE_OTHER)
            elif is_form:
                response = self._sent_back(person, asked)
            else:
                response = await self._shown(person, scope, asked)
        await response(scope, receive, send)

    async def _shown(self, person: TenantContext, scope: Scope, asked: Asked) -> Response:
        parts = urlsplit(asked.redirect_uri)
        response = await page(
            self._runtime,
            person,
            scope,
            "app_sign_in",
            title="Sign an app in",
            email="" if person.user is None else person.user.email,
            app=parts.netloc or parts.scheme,
            redirect_uri=asked.redirect_uri,
            code_challenge=asked.challenge,
            state=asked.state,
        )
        is_web = parts.scheme in {"http", "https"}
        lead_to(response, f"{parts.scheme}://{parts.netloc}" if is_web else f"{parts.scheme}:")
        return response

    def _sent_back(self, person: TenantContext, asked: Asked) -> Response:
        said = {"code": app_sign_in.grant(self._runtime.entrance, person, asked)}
        if asked.state:
            said["state"] = asked.state
        joined = "&" if urlsplit(asked.redirect_uri).query else "?"
        address = f"{asked.redirect_uri}{joined}{urlencode(said)}"
        return Response(
            status_code=SEE_OTHER,
            headers={"Location": address, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"},
        )


def _asked(given: Mapping[str, str], *, is_form: bool) -> Asked:
    """Raise `ValidationError` for another way than the one there is."""
    if not is_form and given.get("response_type") != "code":
        raise ValidationError("The only response type is `code`.", field="response_type")
    if not is_form and given.get("code_challenge_method") != _METHOD:
        raise ValidationError(f"PKCE by {_METHOD} is needed.", field="code_challenge_method")
    return Asked(given.get("redirect_uri", ""), given.get("code_challenge", ""), given.get("state", ""))


def _address(asked: Asked) -> str:
    """Where to go on after the sign-in."""
    said = {
        "response_type": "code",
        "redirect_uri": asked.redirect_uri,
        "code_challenge": asked.challenge,
        "code_challenge_method": _METHOD,
        "state": asked.state,
    }
    return f"{APP}?{urlencode(said)}"
