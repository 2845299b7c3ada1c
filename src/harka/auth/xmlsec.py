"""The program `xmlsec1`: it tells whether a signature is right, and which bytes were signed.

What it says is believed only where the bytes bear it out: their digest, and the signature over that digest,
are computed again from what it printed, with the one certificate that was asked about. So whatever key a
document brings along, or whichever element a reader might take for another, what comes back was signed by
that certificate.
"""

import hashlib
import hmac
import os
import re
import subprocess
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.x509 import Certificate

from harka.auth.saml_xml import Signed, read, signed_info
from harka.errors import UnavailableError

PATIENCE: Final = 3.0
"""Seconds that one run of it may take."""
ABSENT: Final = "SAML needs the program xmlsec1, which is not installed here."
_CONTENT: Final = (b"== PreDigest data - start buffer:\n", b"\n== PreDigest data - end buffer\n")
_INFO: Final = (b"== PreSigned data - start buffer:\n", b"\n== PreSigned data - end buffer\n")
_VERSION: Final = re.compile(r"xmlsec1? (\d+)\.(\d+)")
# it would read all that the machine trusts, which is asked about nothing: five times the time
_ENVIRONMENT: Final = {"SSL_CERT_FILE": os.devnull, "SSL_CERT_DIR": os.devnull}
_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}


class Xmlsec:
    """`program`: where it is. Every call waits for a process: in a thread."""

    def __init__(self, program: Path) -> None:
        self._program = program
        self._version: tuple[int, int] | None = None

    def version(self) -> tuple[int, int]:
        """Raise `UnavailableError` without the program."""
        if self._version is None:
            found = _VERSION.search(self._run("--version").stdout.decode("utf-8", "replace"))
            if found is None:
                raise UnavailableError(ABSENT)
            self._version = int(found[1]), int(found[2])
        return self._version

    def verified(self, document: bytes, signed: Signed, certificate: Certificate) -> bytes | None:
        """What was signed, in canonical form, the signature left out; None unless by this certificate.

        `document`: as `saml_xml.read` leaves it. Raise `UnavailableError`.
        """
        options = [
            *("--verify", "--enabled-reference-uris", "same-doc", "--enabled-key-data", "raw-x509-cert"),
            *("--id-attr:ID", signed.tag[1:].replace("}", ":"), "--node-id", signed.id),
            *("--store-references", "--store-signatures", "--print-debug"),
            # it would look for the key by the name that the document gives it
            *(["--lax-key-search"] if self.version() >= (1, 3) else []),
        ]
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        end, beginning = os.pipe()
        try:
            with os.fdopen(beginning, "wb") as pipe:
                # less than a pipe holds: it does not wait for a reader
                pipe.write(pem)
            key = f"/dev/fd/{end}"
            done = self._run(
                *options, "--pubkey-cert-pem", key, "/dev/stdin", given=document, pass_fds=(end,)
            )
        finally:
            os.close(end)
        content, info = _between(done.stdout, _CONTENT), _between(done.stdout, _INFO)
        if done.returncode != 0 or content is None or info is None:
            return None
        return content if _bears_out(content, info, signed, certificate) else None

    def _run(
        self, *options: str, given: bytes = b"", pass_fds: tuple[int, ...] = ()
    ) -> subprocess.CompletedProcess[bytes]:
        try:
            return subprocess.run(  # noqa: S603 - a program of the operator's, no shell
                [self._program, *options],
                input=given,
                capture_output=True,
                timeout=PATIENCE,
                check=False,
                env=_ENVIRONMENT,
                pass_fds=pass_fds,
            )
        except subprocess.TimeoutExpired as error:
            raise UnavailableError("The signature could not be verified in time.") from error
        except OSError as error:
            raise UnavailableError(ABSENT) from error


def _between(printed: bytes, marks: tuple[bytes, bytes]) -> bytes | None:
    """None unless there is one of each: nobody prints a second one by what they sign."""
    start, end = marks
    if printed.count(start.strip()) != 1 or printed.count(end.strip()) != 1:
        return None
    return printed.partition(start)[2].partition(end)[0]


def _bears_out(content: bytes, info: bytes, signed: Signed, certificate: Certificate) -> bool:
    said = signed_info(read(info).root, signed.id)
    if said != (signed.key, signed.hash, signed.digest_hash, signed.digest):
        return False
    if not hmac.compare_digest(hashlib.new(signed.digest_hash, content).digest(), signed.digest):
        return False
    key, hash_ = certificate.public_key(), _HASHES[signed.hash]
    try:
        match key:
            case rsa.RSAPublicKey() if signed.key == "rsa":
                key.verify(signed.value, info, padding.PKCS1v15(), hash_)
            case ec.EllipticCurvePublicKey() if signed.key == "ecdsa":
                key.verify(_dss(signed.value), info, ec.ECDSA(hash_))
            case _:
                return False
    except InvalidSignature:
        return False
    return True


def _dss(value: bytes) -> bytes:
    """As XML Signature writes it: two numbers of equal length."""
    half = len(value) // 2
    return encode_dss_signature(int.from_bytes(value[:half]), int.from_bytes(value[half:]))
