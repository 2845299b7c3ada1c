"""An OpenID Connect provider of the test's own, on a loopback port, that can be told to misbehave."""

import hashlib
import json
import secrets
import threading
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from joserfc import jws
from joserfc.jwk import ECKey

from harka import clock

CLIENT = "harka"
SECRET = "a secret of the client's"


class Provider:
    """`claims` and `sign` are what a test puts in the place of what an honest one says."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.key = self.new_key()
        self.shown = [self.key]
        self.claims: dict[str, Any] = {}
        self.info: dict[str, Any] = {}
        self.sign: Callable[[dict[str, Any]], str] = self.signed
        self.configuration: dict[str, Any] = {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
            "jwks_uri": f"{issuer}/keys",
            "code_challenge_methods_supported": ["S256"],
        }
        self.asked: list[str] = []
        self._codes: dict[str, dict[str, str]] = {}
        self._spent: dict[str, dict[str, str]] = {}

    def new_key(self) -> ECKey:
        return ECKey.generate_key("P-256", parameters={"kid": secrets.token_hex(4), "use": "sig"})

    def authorize(self, address: str, subject: str = "s-1", **claims: Any) -> dict[str, str]:
        """What the browser is sent back with once somebody has signed in there."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(8)
        self._codes[code] = {**asked, "subject": subject}
        self.claims = claims
        return {"code": code, "state": asked["state"], "iss": self.issuer}

    def remember(self, code: str) -> None:
        """Take a code again that was spent, as no provider should."""
        self._codes[code] = self._spent[code]

    def signed(self, claims: dict[str, Any]) -> str:
        header = {"alg": "ES256", "kid": self.key.kid}
        return jws.serialize_compact(header, json.dumps(claims), self.key)

    def answer(self, path: str, authorization: str, form: dict[str, str]) -> tuple[int, Any]:
        self.asked.append(path)
        if path == "/.well-known/openid-configuration":
            return 200, self.configuration
        if path == "/keys":
            return 200, {"keys": [key.as_dict(private=False) for key in self.shown]}
        if path == "/token":
            return self._token(authorization, form)
        if path == "/me" and authorization == "Bearer x":
            return 200, self.info
        return 404, {}

    def _token(self, authorization: str, form: dict[str, str]) -> tuple[int, Any]:
        who = [unquote(each) for each in b64decode(authorization.removeprefix("Basic ")).decode().split(":")]
        begun = self._codes.pop(form["code"], None)
        if begun is not None:
            self._spent[form["code"]] = begun
        verifier = urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest())
        if (
            who != [CLIENT, SECRET]
            or begun is None
            or begun["code_challenge"] != verifier.rstrip(b"=").decode()
            or begun["redirect_uri"] != form["redirect_uri"]
        ):
            return 400, {"error": "invalid_grant"}
        now = int(clock.now().timestamp())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": begun["subject"],
            "nonce": begun["nonce"],
            "iat": now,
            "exp": now + 60,
            **self.claims,
        }
        return 200, {"id_token": self.sign(claims), "access_token": "x", "token_type": "Bearer"}


@contextmanager
def serving() -> Iterator[Provider]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            self._answer({name: values[0] for name, values in parse_qs(body).items()})

        def _answer(self, form: dict[str, str]) -> None:
            status, said = provider.answer(self.path, self.headers.get("authorization", ""), form)
            body = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider = Provider(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
