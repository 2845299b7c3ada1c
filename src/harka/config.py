"""Every setting, read from the environment once and here alone.

`docs/configuration.md` is generated from this file (`harka config --markdown`); a test keeps both equal.
"""

import os
import re
from collections.abc import Callable, Mapping
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from harka.errors import HarkaError
from harka.fastpath import HostTable

PREFIX = "HARKA_"
SECRET_BYTES: Final = 32
_DNS_PORT: Final = 53
_DAY: Final = 86_400.0
_ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}")


class ConfigurationError(HarkaError):
    """A setting cannot be used."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    database_url: Annotated[
        str | None,
        Meta(description="Catalog database, as role `harka_control`. Unset: the embedded PostgreSQL."),
    ] = None
    app_database_url: Annotated[
        str | None,
        Meta(description="Tenant data, as role `harka_app`. Unset: the catalog URL with that role."),
    ] = None
    admin_database_url: Annotated[
        str | None,
        Meta(
            description="Migrations and provisioning, as role `harka_owner`. Unset: the catalog URL with that role."
        ),
    ] = None
    listen_database_url: Annotated[
        str | None,
        Meta(description="Direct (never pooled) connection for NOTIFY. Unset: the catalog URL."),
    ] = None
    shard_databases: Annotated[
        str,
        Meta(
            description="Where shards live, as `pattern=url` pairs with commas between (`shard_medium_*=postgresql://…`), "
            "first match wins; a shard without a match lives in the app database."
        ),
    ] = ""
    redis_url: Annotated[
        str | None,
        Meta(
            description="Valkey or Redis (`redis://`, `rediss://`, `unix://`; `redis+cluster://` and `rediss+cluster://` of any node of a cluster). Unset: the embedded Valkey."
        ),
    ] = None
    cache_bytes: Annotated[
        int,
        Meta(
            description="Bytes of cached values that each process keeps itself, an eighth for one organization; 0 keeps none.",
            ge=0,
        ),
    ] = 67_108_864
    cache_answers: Annotated[
        bool,
        Meta(description="Whether whole answers are kept, where the schema says so (`@cacheControl`)."),
    ] = True
    cache_timeout: Annotated[
        float,
        Meta(
            description="Seconds that Valkey may take for a look into the cache; what takes longer does without.",
            gt=0,
            le=1,
        ),
    ] = 0.02
    quota_processes: Annotated[
        int,
        Meta(
            description="How many processes share the organizations' limits, until Valkey tells: each grants its part "
            "of them by itself while Valkey is away.",
            ge=1,
            le=10_000,
        ),
    ] = 4
    pg_bin: Annotated[
        str | None, Meta(description="Directory of PostgreSQL programs to embed instead of the wheel's.")
    ] = None
    valkey_bin: Annotated[
        str | None, Meta(description="Path of a valkey-server to embed instead of the wheel's.")
    ] = None
    xmlsec1: Annotated[
        str,
        Meta(description="Path of the program xmlsec1, without which nobody signs in by SAML.", min_length=1),
    ] = "/usr/bin/xmlsec1"
    pool_size: Annotated[int, Meta(description="Connections per database and process.", ge=1)] = 10
    statement_cache_size: Annotated[
        int,
        Meta(description="Prepared statements per connection; 0 behind a PgBouncer before 1.21.", ge=0),
    ] = 1024
    secret: Annotated[
        str,
        Meta(
            description="32 random bytes in hex; node ids, cursors and sealed keys hang on it. Embedded: made once and kept with the data."
        ),
    ] = ""
    platform_domain: Annotated[
        str, Meta(description="Tenants answer at `<slug>.` before this domain.", min_length=1)
    ] = "harka.localhost"
    trusted_proxies: Annotated[
        str,
        Meta(description="Networks (CIDR, commas between) whose `X-Forwarded-*` headers are believed."),
    ] = ""
    dns_servers: Annotated[
        str,
        Meta(
            description="Name servers to ask for the proofs of custom domains (`address:port`, commas between). Unset: those of the system."
        ),
    ] = ""
    token_issuer: Annotated[str, Meta(description="`iss` of the tokens HARKA signs.")] = "https://harka"
    token_audience: Annotated[str, Meta(description="`aud` that a token must carry.")] = "harka"
    host: Annotated[str, Meta(description="Address the API listens on.")] = "127.0.0.1"
    port: Annotated[int, Meta(description="Port the API listens on.", ge=0, le=65535)] = 8000
    metrics_host: Annotated[str, Meta(description="Address `/metrics` listens on.")] = "127.0.0.1"
    metrics_port: Annotated[
        int,
        Meta(
            description="Port of `/metrics`, counting up when a command runs several processes; 0 takes any free one.",
            ge=0,
            le=65535,
        ),
    ] = 9464
    metrics_tenants: Annotated[
        int, Meta(description="Tenants with a metric label of their own; the rest share `other`.", ge=1)
    ] = 100
    outbound_private: Annotated[
        bool,
        Meta(
            description="Whether addresses that tenants name may be plain http and of private networks: for development."
        ),
    ] = False
    breached_passwords_url: Annotated[
        str | None,
        Meta(
            description="Where new passwords are looked for among those that became public: "
            "`https://api.pwnedpasswords.com/range/`, or a copy of it. Five signs of a hash are sent. Unset: nobody is asked."
        ),
    ] = None
    webhook_timeout: Annotated[
        float,
        Meta(description="Seconds that the receiver of a webhook may take to answer.", gt=0, le=30),
    ] = 10.0
    request_timeout: Annotated[
        float,
        Meta(
            description="Seconds a request may take; `X-Request-Deadline` can only say less.", gt=0, le=_DAY
        ),
    ] = 10.0
    max_concurrency: Annotated[
        int,
        Meta(
            description="Most requests that one process works on at once; how many really are is found by measuring.",
            ge=1,
        ),
    ] = 256
    queue_patience: Annotated[
        float,
        Meta(
            description="Seconds a request may be expected to wait for others before it is refused with `OVERLOADED`.",
            gt=0,
            le=60,
        ),
    ] = 0.1
    keep_alive: Annotated[
        int,
        Meta(
            description="Seconds that a connection without a request is kept; more than a load balancer's own.",
            ge=1,
            le=86_400,
        ),
    ] = 75
    unread_timeout: Annotated[
        float,
        Meta(
            description="Seconds without a byte taken after which a client that does not read what it is sent is left; "
            "who reads slowly is not.",
            gt=0,
            le=_DAY,
        ),
    ] = 60.0
    shutdown_grace: Annotated[
        float, Meta(description="Seconds that running requests get to finish at shutdown.", ge=0, le=_DAY)
    ] = 10.0
    max_body_bytes: Annotated[int, Meta(description="Largest request body, bytes.", ge=1)] = 2_097_152
    executor: Annotated[
        Literal["compiled", "graphql-core"],
        Meta(
            description="What executes operations; `compiled` leaves to graphql-core what it does not cover."
        ),
    ] = "compiled"
    introspection: Annotated[bool, Meta(description="Whether the schema may be queried.")] = True
    trusted_documents: Annotated[
        str | None,
        Meta(
            description="JSON file, or directory of them, of documents by their SHA-256, as the Relay compiler and "
            "graphql-codegen write them: clients name them by hash, in every organization. Read at start."
        ),
    ] = None
    documents: Annotated[
        Literal["any", "trusted"],
        Meta(
            description="Which documents are executed: `any`, or only those of `HARKA_TRUSTED_DOCUMENTS` and of the dashboard; "
            "others are refused with `PERSISTED_DOCUMENT_REQUIRED`."
        ),
    ] = "any"
    graphiql: Annotated[bool, Meta(description="Whether browsers get GraphiQL at `/graphql`.")] = True
    files_url: Annotated[
        str | None,
        Meta(
            description="Where files live (`file:///…`, `s3://bucket`). A bucket's credentials, region and endpoint are read "
            "from the environment as AWS tools do (`AWS_…`). Embedded: beside the data."
        ),
    ] = None
    smtp_url: Annotated[
        str | None,
        Meta(
            description="Where e-mails are handed in: `smtp://user:password@host:587` (STARTTLS, which only a loopback "
            "address may do without) or `smtps://…:465`. Needs `HARKA_MAIL_FROM`. Unset: none are sent."
        ),
    ] = None
    mail_from: Annotated[
        str, Meta(description="The address that e-mails come from: `no-reply@learning.example`.")
    ] = ""
    mail_outbox: Annotated[
        str | None,
        Meta(
            description="Directory where e-mails are put instead, for development: `/dev/outbox` shows them to this "
            "machine. `harka up` has one beside the data."
        ),
    ] = None
    public_url: Annotated[
        str,
        Meta(
            description="How organizations are reached from outside, for links in e-mails: `{host}` stands for "
            "`<slug>.<platform domain>`.",
            min_length=1,
        ),
    ] = "https://{host}"
    fonts: Annotated[
        str | None,
        Meta(
            description="Directory of more fonts for certificates: those that come along show Latin, Greek, Cyrillic, Hebrew and Arabic, and empty boxes for emoji and Chinese."
        ),
    ] = None
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="Least severe line that is written.")
    ] = "info"
    log_format: Annotated[
        Literal["json", "console"], Meta(description="One JSON object a line, or text for people.")
    ] = "json"


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from `environment` (default: the process's). Raise `ConfigurationError` naming the variable."""
    given = os.environ if environment is None else environment
    names = Settings.__struct_fields__
    values = {name: given[PREFIX + name.upper()] for name in names if given.get(PREFIX + name.upper())}
    try:
        settings = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        field = str(error).rpartition("$.")[2].rstrip("`")
        raise ConfigurationError(f"{PREFIX}{field.upper()}: {str(error).partition(' - ')[0]}") from None
    for name, check in _CHECKS.items():
        try:
            check(getattr(settings, name) or "")
        except ValueError as error:
            raise ConfigurationError(f"{PREFIX}{name.upper()}: {error}") from None
    return settings


def environment(settings: Settings) -> dict[str, str]:
    """This process's environment with `settings` in it: for a child process that shall run with the same."""
    others = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return {**others, **{name: text for name, text in texts(settings).items() if text}}


def texts(settings: Settings) -> dict[str, str]:
    """Every setting as a variable, secrets included; empty where there is none."""
    return {
        PREFIX + name.upper(): "" if value is None else _shown(value)
        for name, value in msgspec.structs.asdict(settings).items()
    }


def name_servers(text: str) -> list[tuple[str, int]]:
    """Address and port of each server of `dns_servers`. Raise `ValueError` for what is none."""
    found = []
    for item in filter(None, map(str.strip, text.split(","))):
        parts = urlsplit(f"//{item}")
        found.append((str(ip_address(parts.hostname or "")), parts.port or _DNS_PORT))
    return found


def markdown() -> str:
    """The table of all settings, for `docs/configuration.md`."""
    lines = ["| variable | default | meaning |", "| --- | --- | --- |"]
    hints = get_type_hints(Settings, include_extras=True)
    for field in msgspec.structs.fields(Settings):
        default = "" if field.default in (None, "") else f"`{_shown(field.default)}`"
        lines.append(
            f"| `{PREFIX}{field.name.upper()}` | {default} | {_meta(hints[field.name]).description} |"
        )
    return "\n".join(lines) + "\n"


def _require_secret(text: str) -> None:
    try:
        length = len(bytes.fromhex(text))
    except ValueError:
        length = -1
    if length not in {0, SECRET_BYTES}:
        raise ValueError(f"must be {SECRET_BYTES} random bytes in hex ({2 * SECRET_BYTES} characters)")


def _require_networks(text: str) -> None:
    for item in filter(None, map(str.strip, text.split(","))):
        ip_network(item, strict=False)


def _require_directory(path: str) -> None:
    if path and not Path(path).is_dir():
        raise ValueError("is not a directory")


def _require_address(text: str) -> None:
    if text and not _ADDRESS.fullmatch(text):
        raise ValueError("is not an e-mail address")


def _require_host_name(text: str) -> None:
    # it raises for whatever it could not resolve tenants under
    HostTable(text, {}, {}, {})


def _require_scheme(*schemes: str) -> Callable[[str], None]:
    """What is wrong is not shown: a URL may hold a password."""

    def require(url: str) -> None:
        if url and not url.startswith(schemes):
            raise ValueError(f"must begin with {' or '.join(schemes)}")

    return require


_DATABASE: Final = _require_scheme("postgresql://", "postgres://")
_CHECKS: Final[Mapping[str, Callable[[str], object]]] = {
    "database_url": _DATABASE,
    "app_database_url": _DATABASE,
    "admin_database_url": _DATABASE,
    "listen_database_url": _DATABASE,
    "redis_url": _require_scheme("redis://", "rediss://", "unix://", "redis+cluster://", "rediss+cluster://"),
    "secret": _require_secret,
    "platform_domain": _require_host_name,
    "trusted_proxies": _require_networks,
    "dns_servers": name_servers,
    "fonts": _require_directory,
    "smtp_url": _require_scheme("smtp://", "smtps://"),
    "breached_passwords_url": _require_scheme("https://", "http://"),
    "mail_from": _require_address,
}
"""What cannot be said in a type. Each gets the value, or "" where there is none."""


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _meta(hint: Any) -> Meta:
    assert get_origin(hint) is Annotated  # noqa: S101 - every setting is annotated, or the table has a hole
    return next(item for item in get_args(hint) if isinstance(item, Meta))
