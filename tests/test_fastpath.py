import ast
import inspect
import math
import re
import runpy
import sys
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

import harka
from harka import fastpath
from harka.ids import NodeIds, NodeKind
from twins import FASTPATHS, PACKAGE, built

STUB = ast.parse((PACKAGE / "_fastpath.pyi").read_text())

TENANT = UUID("01890c3e-7c4b-7a30-8c2e-0123456789ab").bytes
KEY = bytes(range(16))


@pytest.fixture(params=FASTPATHS)
def fast(request: pytest.FixtureRequest) -> Any:
    return import_module(f"harka.{request.param}")


@pytest.mark.parametrize("source", sorted(PACKAGE.glob("*.pyx")), ids=lambda source: source.stem)
def test_a_built_extension_is_in_use(source: Path) -> None:
    dispatcher = import_module(f"harka.{source.stem.removeprefix('_')}")
    wrong = "built but not importable: rebuild it, or the slow twin serves"
    assert bool(built(source.stem)) == dispatcher.COMPILED, wrong


def test_what_serves_is_the_first_that_exists() -> None:
    assert fastpath.HostTable.__module__ == f"harka.{FASTPATHS[0]}"


def test_the_twin_serves_without_the_extension(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "harka._fastpath", None)
    monkeypatch.delattr(harka, "_fastpath", raising=False)
    served = runpy.run_path(str(PACKAGE / "fastpath.py"))
    assert served["COMPILED"] is False
    assert served["select_shard"](TENANT, 5) == fastpath.select_shard(TENANT, 5)


def _parameters(function: ast.FunctionDef) -> list[tuple[str, str, str | None]]:
    arguments = [argument for argument in function.args.args if argument.arg != "self"]
    given = [ast.unparse(default) for default in function.args.defaults]
    defaults = [None] * (len(arguments) - len(given)) + given
    return [
        (argument.arg, ast.unparse(argument.annotation), default)
        for argument, default in zip(arguments, defaults, strict=True)
        if argument.annotation is not None
    ]


def _stubbed() -> dict[str, ast.FunctionDef]:
    functions = {node.name: node for node in STUB.body if isinstance(node, ast.FunctionDef)}
    for outer in STUB.body:
        if isinstance(outer, ast.ClassDef):
            # properties have no signature to compare
            inner = [n for n in outer.body if isinstance(n, ast.FunctionDef) and not n.decorator_list]
            functions |= {f"{outer.name}.{node.name}".removesuffix(".__init__"): node for node in inner}
    return functions


@pytest.mark.parametrize("name", sorted(_stubbed()))
def test_signatures_are_those_of_the_stub(fast: Any, name: str) -> None:
    found: Any = fast
    for part in name.split("."):
        found = getattr(found, part)
    parameters = [p for p in inspect.signature(found).parameters.values() if p.name != "self"]
    wanted = _parameters(_stubbed()[name])
    assert all(p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters)
    assert [(p.name, None if p.default is p.empty else repr(p.default)) for p in parameters] == [
        (parameter, default) for parameter, _, default in wanted
    ]
    if fast.__name__.endswith("_py"):
        # some of it stands beside it
        modules = r"harka\._fastpath\w*\."
        kinds = [re.sub(modules, "", inspect.formatannotation(p.annotation)) for p in parameters]
        assert kinds == [kind for _, kind, _ in wanted]


def test_names_are_those_of_the_stub(fast: Any) -> None:
    constants = {node.target.id for node in STUB.body if isinstance(node, ast.AnnAssign)}  # type: ignore[union-attr]  # a stub assigns names only
    names = {node.name for node in STUB.body if isinstance(node, ast.FunctionDef | ast.ClassDef)} | constants
    assert set(fast.__all__) == names == set(fastpath.__all__) - {"COMPILED"}
    for name in constants:
        assert getattr(fast, name) == getattr(fastpath, name)


def test_constructors_take_keywords(fast: Any) -> None:
    table = fast.HostTable(platform_domain="harka.ai", subdomains={"a": 0}, domains={}, key_prefixes={})
    assert table.resolve(headers=[(b"host", b"a.harka.ai")], forwarded=False)[0] == 0
    assert fast.Bucket(rate=1.0, burst=1).take(now=0.0, cost=1.0) == 0.0


def test_open_id_answers_what_this_tenant_sealed_and_nothing_else(fast: Any) -> None:
    sealed = NodeIds(KEY).seal(UUID(bytes=TENANT), NodeKind.COURSE, UUID(int=7))
    assert fast.open_id(KEY, TENANT, sealed) == bytes((NodeKind.COURSE,)) + UUID(int=7).bytes
    assert fast.open_id(KEY, bytes(16), sealed) is None
    assert fast.open_id(bytes(16), TENANT, sealed) is None


# vectors.h of the authors' reference code (github.com/veorq/SipHash): key 00..0f, message 00..n-1
SIPHASH_64 = {
    0: "310e0edd47db6f72", 1: "fd67dc93c539f874", 2: "5a4fa9d909806c0d", 3: "2d7efbd796666785",
    4: "b7877127e09427cf", 5: "8da699cd64557618", 6: "cee3fe586e46c9cb", 7: "37d1018bf50002ab",
    8: "6224939a79f5f593", 9: "b0e4a90bdf82009e", 15: "e545be4961ca29a1", 16: "db9bc2577fcc2a3f",
    31: "42c341d8fa92d832", 32: "ce7cf2722f512771", 63: "724506eb4c328a95",
}  # fmt: skip
SIPHASH_128 = {
    0: "a3817f04ba25a8e66df67214c7550293", 1: "da87c1d86b99af44347659119b22fc45",
    7: "a1f1ebbed8dbc153c0b84aa61ff08239", 8: "3b62a9ba6258f5610f83e264f31497b4",
    9: "264499060ad9baabc47f8b02bb6d71ed", 15: "5493e99933b0a8117e08ec0f97cfc3d9",
    16: "6ee2a4ca67b054bbfd3315bf85230577", 31: "2939b0183223fafc1723de4f52c43d35",
    32: "7c3956ca5eeafc3e363e9d556546eb68", 63: "5150d1772f50834a503e069a973fbd7c",
}  # fmt: skip


@pytest.mark.parametrize("length", SIPHASH_64)
def test_siphash64_gives_the_published_vectors(fast: Any, length: int) -> None:
    wanted = int.from_bytes(bytes.fromhex(SIPHASH_64[length]), "little")
    assert fast.siphash64(KEY, bytes(range(length))) == wanted


def test_siphash64_gives_the_vector_of_the_paper(fast: Any) -> None:
    assert fast.siphash64(KEY, bytes(range(15))) == 0xA129CA6149BE45E5


@pytest.mark.parametrize("length", SIPHASH_128)
def test_siphash128_gives_the_published_vectors(fast: Any, length: int) -> None:
    assert fast.siphash128(KEY, bytes(range(length))).hex() == SIPHASH_128[length]


def test_siphash_refuses_other_arguments(fast: Any) -> None:
    for siphash in (fast.siphash64, fast.siphash128):
        with pytest.raises(ValueError, match=r"^key must be 16 bytes, not 15$"):
            siphash(KEY[1:], b"")
        with pytest.raises(TypeError, match=r"^key must be bytes, not bytearray$"):
            siphash(bytearray(KEY), b"")
        with pytest.raises(TypeError, match=r"^data must be bytes, not str$"):
            siphash(KEY, "data")


def key_of(fast: Any, **changed: Any) -> str:
    arguments: dict[str, Any] = {
        "key": KEY, "tenant": TENANT, "generation": 7,
        "schema_version": 3, "namespace": "course", "parts": ("a",),
    }  # fmt: skip
    key: str = fast.cache_key(**arguments | changed)
    return key


def test_cache_key_begins_with_tenant_and_generation(fast: Any) -> None:
    tenant, generation, digest = key_of(fast).split(":")
    assert (tenant, generation) == (TENANT.hex(), "7")
    assert len(digest) == 32
    assert key_of(fast, generation=0).split(":")[1] == "0"
    assert key_of(fast, generation=2**63 - 1).split(":")[1] == "9223372036854775807"


def test_cache_key_hashes_what_it_says_it_does(fast: Any) -> None:
    def word(value: int, kind: int) -> bytes:
        return bytes((kind,)) + value.to_bytes(7, "little", signed=True)

    def sized(kind: int, data: bytes) -> bytes:
        return word(len(data), kind) + data + bytes(-len(data) % 8)

    parts = ("héllo", -1, b"12345678", None, True, 2**55 - 1, 2**55, -(2**55) - 1, 2**63)
    encoded = TENANT + bytes((7, *bytes(7), 3, *bytes(7))) + sized(1, b"course")
    encoded += sized(1, "héllo".encode()) + word(-1, 3) + sized(2, b"12345678") + word(0, 0)
    encoded += word(1, 5) + word(2**55 - 1, 3) + sized(4, bytes(6) + b"\x80\x00")
    encoded += sized(4, b"\xff" * 6 + b"\x7f\xff") + sized(4, bytes(7) + b"\x80\x00")
    assert key_of(fast, parts=parts).split(":")[2] == fast.siphash128(KEY, encoded).hex()


def test_unlike_arguments_have_unlike_cache_keys(fast: Any) -> None:
    parts: list[tuple[Any, ...]] = [
        (), ("",), ("", ""), (b"",), (None,), (0,), (False,), (1,), (True,), ("1",), (b"1",), (-1,), (256,),
        ("a", "b"), ("ab",), ("a", "b", ""), ("a\x00",), ("a",), (b"a",), ("a" * 8,), ("a" * 7,), ("a" * 9,),
        (2**63 - 1,), (2**63,), (-(2**63),), (-(2**63) - 1,), (2**64 - 1,), (2**64,),
        (2**55 - 1,), (2**55,), (-(2**55),), (-(2**55) - 1,), ("x" * 70_000,), (2**70_000,),
        (True, 1), (1, True),
    ]  # fmt: skip
    keys = [key_of(fast, parts=given) for given in parts]
    keys += [
        key_of(fast, namespace="courses"),
        key_of(fast, namespace="course\x00"),
        key_of(fast, namespace=""),
    ]
    keys += [key_of(fast, schema_version=4), key_of(fast, generation=8), key_of(fast, key=bytes(16))]
    keys += [key_of(fast, tenant=bytes(16))]
    digests = Counter(key.split(":")[2] for key in keys)
    assert set(digests.values()) == {1}


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"key": b""}, ValueError, "key must be 16 bytes, not 0"),
        ({"tenant": TENANT.hex()}, TypeError, "tenant must be bytes, not str"),
        ({"tenant": TENANT + b"x"}, ValueError, "tenant must be 16 bytes, not 17"),
        ({"generation": 2**63}, ValueError, "generation must be from 0 to 2^63-1"),
        ({"generation": 1.0}, TypeError, "generation must be int, not float"),
        ({"schema_version": "1"}, TypeError, "schema_version must be int, not str"),
        ({"namespace": b"course"}, TypeError, "namespace must be str, not bytes"),
        ({"parts": ["a"]}, TypeError, "parts must be tuple, not list"),
        ({"parts": (1.5,)}, TypeError, "part must be str, int, bytes or None, not float"),
        ({"parts": (("a",),)}, TypeError, "part must be str, int, bytes or None, not tuple"),
    ],
)
def test_cache_key_refuses(fast: Any, changed: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        key_of(fast, **changed)
    assert str(caught.value) == message


def test_lone_surrogate_has_no_cache_key(fast: Any) -> None:
    for changed in ({"parts": ("\ud800",)}, {"namespace": "\udfff"}):
        with pytest.raises(UnicodeEncodeError):
            key_of(fast, **changed)


@pytest.mark.parametrize(
    ("users", "shard"),
    [
        (0, "shard_small_3"), (100, "shard_small_3"), (101, "shard_medium_3"), (1000, "shard_medium_3"),
        (1001, "shard_dedicated_01890c3e7c4b7a308c2e0123456789ab"),
    ],
)  # fmt: skip
def test_shard_follows_the_number_of_users(fast: Any, users: int, shard: str) -> None:
    assert fast.select_shard(TENANT, users) == shard


def test_shards_fill_evenly(fast: Any) -> None:
    small = Counter(fast.select_shard(number.to_bytes(16, "big"), 1) for number in range(5000))
    medium = Counter(fast.select_shard(number.to_bytes(16, "big"), 101) for number in range(1000))
    assert len(small) == 50
    assert len(medium) == 10
    assert min(small.values()) > 50
    assert min(medium.values()) > 50


@pytest.mark.parametrize(
    ("tenant", "users", "error"),
    [
        (b"", 1, ValueError), (None, 1, TypeError), (TENANT, -1, ValueError),
        (TENANT, 2**63, ValueError), (TENANT, 1.0, TypeError),
    ],
)  # fmt: skip
def test_shard_of_nonsense_raises(fast: Any, tenant: Any, users: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="must be"):
        fast.select_shard(tenant, users)


@pytest.mark.parametrize(
    ("rate", "burst", "now"), [(3.0, 3, 12345.678), (0.1, 1, 0.0), (1e6, 100, -5.0), (7, 10, 1e9)]
)
def test_idle_bucket_admits_exactly_its_burst(fast: Any, rate: float, burst: int, now: float) -> None:
    bucket = fast.Bucket(rate, burst)
    assert [bucket.take(now) for _ in range(burst)] == [0.0] * burst
    assert bucket.take(now) == pytest.approx(1 / rate)


def test_refusal_takes_nothing(fast: Any) -> None:
    bucket = fast.Bucket(2.0, 4)
    assert bucket.take(0.0, 3.0) == 0.0
    assert [bucket.take(0.0, 2.0) for _ in range(5)] == [0.5] * 5
    assert bucket.take(0.0) == 0.0


def test_waiting_as_told_is_enough(fast: Any) -> None:
    bucket, now = fast.Bucket(3.0, 2), 1_000_000.1
    for _ in range(1000):
        wait = bucket.take(now)
        assert wait == 0.0 or bucket.take(now + 0.9 * wait) > 0.0
        now += wait
        assert wait == 0.0 or bucket.take(now) == 0.0


def test_idle_time_fills_no_more_than_the_burst(fast: Any) -> None:
    bucket = fast.Bucket(10.0, 2)
    assert bucket.take(0.0, 2.0) == 0.0
    assert [bucket.take(1e6) > 0.0 for _ in range(4)] == [False, False, True, True]


def test_long_run_rate_is_the_rate(fast: Any) -> None:
    bucket = fast.Bucket(50.0, 5)
    admitted = sum(bucket.take(step / 1000) == 0.0 for step in range(60_000))
    assert admitted == pytest.approx(50 * 60 + 5, abs=1)


def test_cost_over_the_burst_never_passes(fast: Any) -> None:
    bucket = fast.Bucket(1.0, 5)
    assert bucket.take(0.0, 6.0) == math.inf
    assert bucket.take(0.0, 5.0) == 0.0


def test_cost_zero_asks_without_taking(fast: Any) -> None:
    bucket = fast.Bucket(1.0, 1)
    assert [bucket.take(0.0, cost) for cost in (0.0, 1.0, 0.0, 1.0)] == [0.0, 0.0, 0.0, 1.0]


def test_time_before_the_last_admission_waits_longer(fast: Any) -> None:
    bucket = fast.Bucket(1.0, 2)
    assert bucket.take(10.0, 2.0) == 0.0
    assert bucket.take(9.0) == pytest.approx(2.0)
    assert bucket.take(11.0) == 0.0


def test_settling_gives_back_and_takes_without_refusing(fast: Any) -> None:
    bucket = fast.Bucket(2.0, 10)
    assert bucket.take(0.0, 8.0) == 0.0
    assert bucket.settle(0.0, -5.0) == 7.0
    assert bucket.settle(0.0, 9.0) == -2.0
    assert bucket.take(0.0, 1.0) == 1.5
    assert bucket.settle(1.0, 0.0) == 0.0
    # more than was taken is not given back
    assert bucket.settle(1.0, -100.0) == 10.0


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((math.nan, 0.0), ValueError, "now must be finite"),
        ((0.0, math.inf), ValueError, "change must be finite"),
        (("0", 0.0), TypeError, "now must be a number, not str"),
        ((0.0, None), TypeError, "change must be a number, not NoneType"),
    ],
)
def test_settling_refuses(
    fast: Any, arguments: tuple[Any, ...], error: type[Exception], message: str
) -> None:
    bucket = fast.Bucket(1.0, 1)
    with pytest.raises(error) as caught:
        bucket.settle(*arguments)
    assert str(caught.value) == message
    assert bucket.settle(0, 0) == 1.0


def test_reconfigured_bucket_keeps_what_was_taken(fast: Any) -> None:
    bucket = fast.Bucket(1.0, 10)
    assert bucket.take(0.0, 10.0) == 0.0
    bucket.reconfigure(100.0, 5)
    assert bucket.take(0.0) == pytest.approx(0.06)
    assert bucket.take(0.06) == 0.0
    with pytest.raises(ValueError, match="rate"):
        bucket.reconfigure(0.0, 5)
    assert bucket.take(0.06, 6.0) == math.inf


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((math.nan,), ValueError, "now must be finite"),
        ((-math.inf, math.nan), ValueError, "now must be finite"),
        ((0.0, math.nan), ValueError, "cost must be finite and not negative"),
        ((0.0, -0.1), ValueError, "cost must be finite and not negative"),
        (("0",), TypeError, "now must be a number, not str"),
        ((0.0, None), TypeError, "cost must be a number, not NoneType"),
        ((10**400,), OverflowError, "int too large to convert to float"),
    ],
)
def test_bucket_refuses(fast: Any, arguments: tuple[Any, ...], error: type[Exception], message: str) -> None:
    bucket = fast.Bucket(1.0, 1)
    with pytest.raises(error) as caught:
        bucket.take(*arguments)
    assert str(caught.value) == message
    assert bucket.take(0) == 0.0


@pytest.mark.parametrize(
    ("rate", "burst", "error", "message"),
    [
        (0.0, 1, ValueError, "rate must be finite and above 0"),
        (-1.0, 1, ValueError, "rate must be finite and above 0"),
        (math.nan, 1, ValueError, "rate must be finite and above 0"),
        (math.inf, 1, ValueError, "rate must be finite and above 0"),
        ("1", 1, TypeError, "rate must be a number, not str"),
        (1.0, 0, ValueError, "burst must be from 1 to 2^53"),
        (1.0, 2**53 + 1, ValueError, "burst must be from 1 to 2^53"),
        (1.0, 1.0, TypeError, "burst must be int, not float"),
    ],
)
def test_impossible_bucket_raises(
    fast: Any, rate: Any, burst: Any, error: type[Exception], message: str
) -> None:
    for make in (fast.Bucket, fast.Bucket(1.0, 1).reconfigure):
        with pytest.raises(error) as caught:
            make(rate, burst)
        assert str(caught.value) == message


def test_a_lease_gives_out_what_it_has_until_its_moment(fast: Any) -> None:
    lease = fast.Lease(1.0)
    assert not lease.take(0.0, 0.0), "a new one has nothing to give"
    lease.grant(5.0, 10.0, 0.0)
    assert [lease.take(9.0, 3.0), lease.take(9.0, 3.0), lease.take(9.0, 2.0)] == [True, False, True]
    lease.put(4.0)
    assert not lease.take(10.0, 1.0)
    assert (lease.tokens, lease.until, lease.demand(), lease.demand()) == (4.0, 10.0, 5.0, 0.0)
    lease.put(-6.0)
    assert (lease.tokens, lease.demand(), lease.drain(1.0)) == (-2.0, 6.0, 0.0)
    lease.put(8.0)
    assert (lease.drain(1.0), lease.tokens) == (5.0, 1.0)
    assert not lease.take(0.0, -1.0)


def test_whoever_enters_pays_every_toll_or_none(fast: Any) -> None:
    first, second, free = fast.Lease(1.0), fast.Lease(2.0), fast.Lease(0.0)
    door = (first, second, free)
    assert fast.enter(door, 0.0) == 0
    first.grant(5.0, 10.0, 3.0)
    second.grant(3.0, 10.0, 0.0)
    free.grant(0.0, 10.0, 0.0)
    assert fast.enter(door, 1.0) == -1
    assert (first.tokens, second.tokens) == (4.0, 1.0)
    assert fast.enter(door, 1.0) == 1
    assert (first.tokens, second.tokens) == (4.0, 1.0), "nothing is taken"
    second.put(10.0)
    assert [fast.enter(door, 1.0) for _ in range(2)] == [-1, -2], "the first has fewer than three left"
    assert fast.enter(door, 10.0) == 0
    assert fast.enter((), 0.0) == -1


def test_impossible_leases_raise(fast: Any) -> None:
    lease = fast.Lease(1.0)
    for call, arguments, message in (
        (fast.Lease, (-1.0,), "toll must be finite and not negative"),
        (fast.Lease, (math.inf,), "toll must be finite and not negative"),
        (lease.put, (math.nan,), "amount must be finite"),
        (lease.drain, (math.inf,), "amount must be finite"),
        (lease.grant, ("1", 0.0, 0.0), "amount must be a number, not str"),
        (lease.take, (None, 0.0), "now must be a number, not NoneType"),
        (fast.enter, ([lease], 0.0), "leases must be tuple, not list"),
    ):
        with pytest.raises((TypeError, ValueError)) as caught:
            call(*arguments)
        assert str(caught.value) == message
