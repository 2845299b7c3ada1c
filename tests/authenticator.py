"""A device with passkeys, in a few lines, that can be told to misbehave; and a browser that asks it.

What it makes is what WebAuthn level 2 says; a page of ours in Chromium with Chromium's own device is tested
elsewhere.
"""

import hashlib
import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def encoded(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Authenticator:
    """One key. `origin`: what the browser says of the page. `flags`: what it says of its owner."""

    origin: str
    flags: int = PRESENT | VERIFIED
    count: int = 0
    counts: bool = True
    id: bytes = field(default_factory=lambda: os.urandom(32))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    handle: bytes = b""

    def create(self, options: dict[str, Any], **client: Any) -> dict[str, Any]:
        """What `navigator.credentials.create` answers with, as JSON."""
        self.handle = decoded(options["user"]["id"])
        data = self._data(options["rp"]["id"], ATTESTED)
        data += bytes(16) + len(self.id).to_bytes(2) + self.id + self._public_key()
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        told = {"type": "webauthn.create", "challenge": options["challenge"], "origin": self.origin, **client}
        return self._credential(told, {"attestationObject": encoded(attestation)})

    def get(self, options: dict[str, Any], **client: Any) -> dict[str, Any]:
        """What `navigator.credentials.get` answers with, as JSON."""
        told = {"type": "webauthn.get", "challenge": options["challenge"], "origin": self.origin, **client}
        self.count += self.counts
        data = self._data(options["rpId"])
        digest = hashlib.sha256(json.dumps(told).encode()).digest()
        signature = self.key.sign(data + digest, ec.ECDSA(hashes.SHA256()))
        response = {
            "authenticatorData": encoded(data),
            "signature": encoded(signature),
            "userHandle": encoded(self.handle),
        }
        return self._credential(told, response)

    def _data(self, rp_id: str, more: int = 0) -> bytes:
        digest = hashlib.sha256(rp_id.encode()).digest()
        return digest + bytes([self.flags | more]) + self.count.to_bytes(4)

    def _public_key(self) -> bytes:
        numbers = self.key.public_key().public_numbers()
        return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)})

    def _credential(self, told: dict[str, Any], response: dict[str, Any]) -> dict[str, Any]:
        client = encoded(json.dumps(told).encode())
        return {
            "id": encoded(self.id),
            "rawId": encoded(self.id),
            "type": "public-key",
            "clientExtensionResults": {},
            "response": {"clientDataJSON": client, **response},
        }
