"""A real OpenLDAP server for the tests: plain, with StartTLS, and LDAPS, on loopback.

The program is `$HARKA_TEST_SLAPD`, else where Debian puts it. Tests that need it skip without, but fail where
`CI` or `HARKA_REQUIRE_SLAPD` is set.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from harka import clock

BASE = "dc=example,dc=com"
READER, READER_PASSWORD = f"cn=reader,{BASE}", "a secret of the reader's"
PASSWORD = "vexed kiln plumage 4"
TEACHERS = f"cn=teachers,ou=groups,{BASE}"
_PLACES = (os.environ.get("HARKA_TEST_SLAPD"), "/usr/sbin/slapd")
_MODULES = "/usr/lib/ldap"
_SCHEMAS = "/etc/ldap/schema"
_START_TIMEOUT = 10.0
_NO = {"", "0", "false", "no"}
PEOPLE = ("ann", "ben", "a*b(c)\\d", "twin", "twin two", "zoë")


def find_slapd() -> Path | None:
    return next((Path(place) for place in _PLACES if place and os.access(place, os.X_OK)), None)


def is_required() -> bool:
    """Whether a missing slapd is a failure: what CI skips, nobody tests."""
    return any(os.environ.get(name, "").lower() not in _NO for name in ("CI", "HARKA_REQUIRE_SLAPD"))


needs_slapd = pytest.mark.skipif(find_slapd() is None and not is_required(), reason="no slapd")


@dataclass(frozen=True)
class Directory:
    """`ca`: in PEM, whose certificate for `localhost` the server shows."""

    plain: str
    ldaps: str
    ca: str


@contextmanager
def serving() -> Iterator[Directory]:
    program = find_slapd()
    if program is None:
        pytest.fail("no slapd, but CI or HARKA_REQUIRE_SLAPD is set: install Debian's slapd")
    place = Path(tempfile.mkdtemp(prefix="harka-slapd-", dir="/tmp"))
    ports = [_free_port(), _free_port()]
    ca = _certify(place)
    (place / "data").mkdir()
    (place / "slapd.conf").write_text(_configuration(place))
    (place / "people.ldif").write_text(_people(), encoding="utf-8")
    subprocess.run(
        [program, "-T", "add", "-f", place / "slapd.conf", "-l", place / "people.ldif"],
        check=True,
        capture_output=True,
    )
    found = Directory(f"ldap://localhost:{ports[0]}", f"ldaps://localhost:{ports[1]}", ca)
    addresses = f"ldap://127.0.0.1:{ports[0]} ldaps://127.0.0.1:{ports[1]}"
    process = subprocess.Popen(
        [program, "-d", "0", "-h", addresses, "-f", place / "slapd.conf"], stderr=subprocess.DEVNULL
    )
    try:
        for port in ports:
            _wait(process, port)
        yield found
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(place, ignore_errors=True)


def _configuration(place: Path) -> str:
    schemas = "\n".join(f"include {_SCHEMAS}/{name}.schema" for name in ("core", "cosine", "inetorgperson"))
    return f"""
{schemas}
modulepath {_MODULES}
moduleload back_mdb
moduleload memberof
pidfile {place}/pid
TLSCACertificateFile {place}/ca.pem
TLSCertificateFile {place}/server.pem
TLSCertificateKeyFile {place}/server.key
database mdb
suffix "{BASE}"
rootdn "cn=admin,{BASE}"
directory {place}/data
maxsize 16777216
overlay memberof
access to attrs=userPassword by anonymous auth by * none
access to * by dn="{READER}" read by * none
"""


def _people() -> str:
    lines = [
        f"dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\no: x\ndc: example\n",
        f"dn: {READER}\nobjectClass: person\ncn: reader\nsn: r\nuserPassword: {READER_PASSWORD}\n",
        f"dn: ou=people,{BASE}\nobjectClass: organizationalUnit\nou: people\n",
        f"dn: ou=groups,{BASE}\nobjectClass: organizationalUnit\nou: groups\n",
    ]
    for number, name in enumerate(PEOPLE):
        uid = name.partition(" ")[0]
        # what people are called is not what their entry is
        lines.append(
            f"dn: employeeNumber={number},ou=people,{BASE}\nobjectClass: inetOrgPerson\n"
            f"employeeNumber: {number}\ncn: {name.title()}\nsn: {name}\nuid: {uid}\n"
            f"mail: person{number}@directory.example\nuserPassword: {PASSWORD}\n"
            + (f"memberOf: {TEACHERS}\n" if name == "ann" else "")
        )
    member = f"employeeNumber=0,ou=people,{BASE}"
    lines.append(f"dn: {TEACHERS}\nobjectClass: groupOfNames\ncn: teachers\nmember: {member}\n")
    return "\n".join(lines)


def _certify(place: Path) -> str:
    """An authority, and its certificate for `localhost`."""
    now = clock.now()

    def certificate(
        name: str, key: ec.EllipticCurvePrivateKey, signer: ec.EllipticCurvePrivateKey, *, is_ca: bool
    ) -> x509.Certificate:
        names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority of the tests")])
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        )
        if not is_ca:
            builder = builder.add_extension(names, critical=False)
        return builder.sign(signer, hashes.SHA256())

    authority, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    pem = serialization.Encoding.PEM
    ca = certificate("Authority of the tests", authority, authority, is_ca=True).public_bytes(pem)
    (place / "ca.pem").write_bytes(ca)
    (place / "server.pem").write_bytes(certificate("server", own, authority, is_ca=False).public_bytes(pem))
    (place / "server.key").write_bytes(
        own.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return ca.decode()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + _START_TIMEOUT
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return
