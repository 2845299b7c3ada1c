"""The pages on which people sign in: plain forms that need no script, in the organization's look."""

import functools
import hashlib
import html
import secrets
from base64 import b64encode
from collections.abc import Mapping, Sequence
from importlib import resources
from string import Template
from typing import Final
from urllib.parse import parse_qsl

from starlette.responses import Response
from starlette.types import Receive, Scope

from harka.auth.session_token import form_token, is_form_token
from harka.errors import BadRequestError, ForbiddenError, HarkaError, UnsupportedMediaTypeError
from harka.learning import branding
from harka.learning.branding import Look
from harka.learning.work import unit_of_work
from harka.runtime import Runtime
from harka.tenancy.context import TenantContext
from harka.web.cookie import form_cookie, form_value
from harka.web.errors import error_headers
from harka.web.graphql_request import header, read_body
from harka.web.middleware.own_page import require_own_page

FORM: Final = "application/x-www-form-urlencoded"
_TOKEN: Final = "form_token"  # noqa: S105 - the name of a field
_LONGEST_FORM: Final = 8192
_MOST_FIELDS: Final = 8
_SCRIPTED: Final = frozenset({"sign_in", "passkeys"})
"""Pages on which our own scripts run, and ask us: for passkeys. They do all else without."""
_PLAIN_COLOR: Final = "#4338ca"
_FORMS: Final = "form-action 'self'"


async def page(
    runtime: Runtime,
    tenant: TenantContext,
    scope: Scope,
    name: str,
    *,
    title: str,
    error: HarkaError | None = None,
    markup: Mapping[str, str] | None = None,
    rows: Sequence[Mapping[str, str]] = (),
    **values: str,
) -> Response:
    """The page `name` with `values` in it, every one of them escaped here; `error`: what was wrong.

    `markup`: more values, which are HTML already. `rows`: of values for a list, by the page `<name>_row`.
    """
    cookie = form_value(scope) or secrets.token_urlsafe(16)
    look = await _look(runtime, tenant)
    style = f":root{{--brand:{look.primary_color or _PLAIN_COLOR}}}"
    inside = {
        **values,
        "form_token": form_token(runtime.keyring.session, tenant.id, cookie),
        "error": "" if error is None else error.message,
        "organization": tenant.organization.name,
    }
    more = {**(markup or {}), "rows": _rows(name, inside, rows)}
    body = _template(name).substitute(_escaped(inside), failure=_failure(error), **more)
    whole = _template("frame").substitute(
        _escaped({"title": title, "organization": tenant.organization.name, "lang": "en"}),
        logo=_logo(look, tenant.organization.name),
        icon=_icon(look),
        style=style,
        body=body,
    )
    policy = _policy(style, scripted=name in _SCRIPTED)
    headers = {"Content-Security-Policy": policy, "Referrer-Policy": "same-origin"}
    status = 200
    if error is not None:
        status, headers = error.status, headers | error_headers(error)
    response = Response(whole, status, headers, media_type="text/html")
    response.raw_headers.append(form_cookie(scope, cookie))
    return response


async def read_form(
    runtime: Runtime, tenant: TenantContext, scope: Scope, receive: Receive
) -> Mapping[str, str]:
    """The fields of a form of ours, the last of each name.

    Raise `ForbiddenError` for what another page sends, `UnsupportedMediaTypeError`, `BadRequestError`.
    """
    require_own_page(scope["headers"], trusted=scope["harka"].trusted)
    if header(scope, b"content-type").partition(";")[0].strip().lower() != FORM:
        raise UnsupportedMediaTypeError(f"The body must be {FORM}.")
    body = await read_body(receive)
    if len(body) > _LONGEST_FORM:
        raise BadRequestError
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict"
        )
    except ValueError:
        raise BadRequestError from None
    fields = dict(pairs)
    cookie = form_value(scope)
    if not cookie or not is_form_token(runtime.keyring.session, tenant.id, cookie, fields.get(_TOKEN, "")):
        raise ForbiddenError("This form has grown old: load the page again.")
    return fields


async def _look(runtime: Runtime, tenant: TenantContext) -> Look:
    async with unit_of_work(
        runtime.databases,
        runtime.cache,
        runtime.pubsub,
        tenant,
        read_only=True,
    ) as work:
        return await branding.look(work)


def _failure(error: HarkaError | None) -> str:
    return "" if error is None else f'<p class="failure" role="alert">{html.escape(error.message)}</p>'


def _logo(look: Look, name: str) -> str:
    if look.logo_hash is None:
        return ""
    return f'<img src="/files/branding/{look.logo_hash}" alt="{html.escape(name)}" height="48">'


def _icon(look: Look) -> str:
    address = "/dashboard/icon.svg" if look.favicon_hash is None else f"/files/branding/{look.favicon_hash}"
    return f'<link rel="icon" href="{address}">'


def _rows(name: str, inside: Mapping[str, str], rows: Sequence[Mapping[str, str]]) -> str:
    return "\n".join(
        _template(f"{name}_row").substitute(_escaped({**inside, **row, "number": str(number)}))
        for number, row in enumerate(rows, 1)
    )


def lead_to(response: Response, source: str) -> None:
    """The page's form leads elsewhere in the end: to this origin, or this scheme."""
    policy = response.headers["content-security-policy"]
    response.headers["content-security-policy"] = policy.replace(_FORMS, f"{_FORMS} {source}")


def _policy(style: str, *, scripted: bool) -> str:
    """Nothing but our own style sheet, the organization's colour and pictures; forms go to this address."""
    digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
    scripts = "script-src 'self'; connect-src 'self'; " if scripted else ""
    return (
        f"default-src 'none'; {scripts}style-src 'self' 'sha256-{digest}'; img-src 'self'; "
        f"{_FORMS}; base-uri 'none'; frame-ancestors 'none'"
    )


def _escaped(values: Mapping[str, str]) -> dict[str, str]:
    return {name: html.escape(value) for name, value in values.items()}


@functools.cache
def _template(name: str) -> Template:
    return Template((resources.files("harka.web") / "pages" / f"{name}.html").read_text())
