"""What is written in place is held to orjson and `ids`: the same bytes, or left to graphql-core."""

import ast
import enum
import inspect
import math
import runpy
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import harka
from harka import executor, rows
from harka.codec import from_json, json_bytes
from harka.ids import NodeIds, NodeKind
from records import cell, data_row, moments, oids, received, struct_of, texts, uuid
from twins import PACKAGE

if executor.COMPILED:
    from harka.executor import Field, Frame, Seal, Shape, UncoveredError

    SEAL = Seal(bytes(range(16)), bytes(16))

compiled = pytest.mark.compiled
TENANT, ID = UUID(int=0), UUID(int=7)
IDS = NodeIds(bytes(range(16)))
SEALED = IDS.seal(TENANT, NodeKind.LESSON, ID)
INT_32 = 2**31


@dataclass
class Holder:
    """An object whose attributes are written."""

    c0: Any = None
    id: Any = ID


def written(shape: "Shape", sources: Sequence[Any]) -> bytes:
    frame = Frame(shape, sources)
    frame.write(SEAL)
    return frame.data()


def shape_of(*fields: "Field", struct: type | None = None, node: int = NodeKind.LESSON) -> "Shape":
    shape = Shape(struct, node)
    for field in fields:
        shape.add(field)
    return shape


def leaf(type_: str, *, nullable: bool = False, **options: Any) -> "Field":
    return Field.leaf("key", "c0", type_, nullable=nullable, **options)


def by_object(field: "Field", value: Any) -> Any:
    """The JSON text of the value, of an object's attribute."""
    return _value(written(shape_of(field), [Holder(value)]))


def by_cell(field: "Field", kind: str, value: Any) -> Any:
    """The JSON text of the value, in a row from the database."""
    struct = struct_of([kind])
    found: Sequence[Any] = received(struct, [kind], [(value,)])
    return _value(written(shape_of(field, struct=struct), found))


def _value(text: bytes) -> bytes:
    assert (text[:7], text[-1:]) == (b'{"key":', b"}")
    return text[7:-1]


@pytest.mark.parametrize("name", ["rows", "executor"])
def test_without_the_extension_there_is_nothing_compiled(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, f"harka._{name}", None)
    monkeypatch.delattr(harka, f"_{name}", raising=False)
    assert runpy.run_path(str(PACKAGE / f"{name}.py"))["COMPILED"] is False


def stubbed(name: str) -> dict[str, ast.FunctionDef | None]:
    """What the stub of `harka._<name>` declares: functions by their dotted names, all else with None."""
    found: dict[str, ast.FunctionDef | None] = {}
    for outer in ast.parse((PACKAGE / f"_{name}.pyi").read_text()).body:
        if isinstance(outer, ast.FunctionDef):
            found[outer.name] = outer
        if isinstance(outer, ast.ClassDef):
            found[outer.name] = None
            for inner in outer.body:
                if isinstance(inner, ast.AnnAssign):
                    found[f"{outer.name}.{ast.unparse(inner.target)}"] = None
                elif isinstance(inner, ast.FunctionDef) and (
                    inner.name[0] != "_" or inner.name == "__init__"
                ):
                    found[f"{outer.name}.{inner.name}"] = inner
    return found


def public(name: str) -> set[str]:
    """What is to be had of `harka._<name>`, by dotted names."""
    module = import_module(f"harka._{name}")
    own = {
        key: value
        for key, value in vars(module).items()
        if getattr(value, "__module__", "") == module.__name__
    }
    inner = {f"{key}.{part}" for key, value in own.items() if isinstance(value, type) for part in vars(value)}
    return {dotted for dotted in own.keys() | inner if "._" not in dotted and dotted[0] != "_"}


@compiled
@pytest.mark.parametrize("name", ["rows", "executor"])
def test_names_and_parameters_are_those_of_the_stub(name: str) -> None:
    declared = stubbed(name)
    assert {dotted for dotted in declared if not dotted.endswith("__")} == public(name)
    for dotted, function in declared.items():
        found: Any = import_module(f"harka._{name}")
        for part in dotted.split("."):
            found = getattr(found, part)
        if function is None:
            continue
        parameters = [each for each in inspect.signature(found).parameters.values() if each.name != "self"]
        if [each.kind for each in parameters] == [
            inspect.Parameter.VAR_POSITIONAL,
            inspect.Parameter.VAR_KEYWORD,
        ]:
            continue  # of a constructor without a docstring Cython tells nothing
        names = [each.name for each in parameters if each.kind is not each.KEYWORD_ONLY]
        keywords = {each.name: each.default for each in parameters if each.kind is each.KEYWORD_ONLY}
        wanted = function.args
        assert names == [each.arg for each in wanted.args if each.arg not in {"self", "cls"}], dotted
        assert list(keywords) == [each.arg for each in wanted.kwonlyargs], dotted
        for each, default in zip(wanted.kwonlyargs, wanted.kw_defaults, strict=True):
            told = inspect.Parameter.empty if default is None else ast.literal_eval(default)
            assert keywords[each.arg] == told, dotted


@compiled
@given(st.binary(min_size=16, max_size=16), st.uuids(), st.sampled_from(NodeKind), st.uuids())
def test_node_ids_are_those_of_their_twin(key: bytes, tenant: UUID, kind: NodeKind, id_: UUID) -> None:
    ids = NodeIds(key)
    sealed = Seal(key, tenant.bytes).seal(kind, id_.bytes)
    assert sealed == ids.seal(tenant, kind, id_)
    assert ids.open(tenant, sealed) == (kind, id_)


@compiled
@pytest.mark.parametrize(
    "sizes", [(15, 16, 16), (32, 16, 16), (16, 15, 16), (16, 17, 16), (16, 16, 15), (16, 16, 0)]
)
def test_a_seal_of_other_lengths_is_refused(sizes: tuple[int, int, int]) -> None:
    key, tenant, id_ = map(bytes, sizes)
    with pytest.raises(ValueError, match="16 bytes"):
        Seal(key, tenant).seal(1, id_)


@compiled
@given(st.uuids(), st.sampled_from(NodeKind))
def test_node_ids_are_sealed_where_they_are_written(id_: UUID, kind: NodeKind) -> None:
    struct = msgspec.defstruct("Row", [("id", UUID)], frozen=True)
    found: Sequence[Any] = received(struct, ["uuid"], [(id_,)])
    text = json_bytes({"key": IDS.seal(TENANT, kind, id_)})
    assert written(shape_of(Field.sealed("key"), node=kind), found) == text
    assert written(shape_of(Field.sealed("key"), node=kind), [Holder(id=id_)]) == text


@compiled
def test_what_is_no_id_is_not_sealed() -> None:
    struct = msgspec.defstruct("Row", [("id", Any)], frozen=True)
    for kind, value in (("uuid", None), ("text", "x"), ("int8", 7)):
        found: Sequence[Any] = received(struct, [kind], [(value,)])
        with pytest.raises(UncoveredError):
            written(shape_of(Field.sealed("key")), found)


@compiled
@given(texts() | st.text(st.characters(max_codepoint=0x7F)))
@example("\x00\x01\b\t\n\f\r\x1f\x7f\"\\/'")
@example("\u2028\u2029\ufeff\U0010ffff")
@example("a" * 5000)
def test_text_is_as_orjson_writes_it(value: str) -> None:
    for type_ in ("String", "ID"):
        assert by_object(leaf(type_), value) == json_bytes(value)
    if "\0" not in value:
        assert by_cell(leaf("String"), "text", value) == json_bytes(value)


@compiled
def test_a_lone_surrogate_is_an_error_as_it_is_to_orjson() -> None:
    with pytest.raises(UnicodeEncodeError):
        by_object(leaf("String"), "a\ud800")
    with pytest.raises(TypeError):
        json_bytes("a\ud800")


@compiled
@given(st.integers(-INT_32, INT_32 - 1))
@example(-INT_32)
@example(INT_32 - 1)
@example(0)
def test_a_number_is_written_in_full(value: int) -> None:
    text = json_bytes(value)
    assert by_object(leaf("Int"), value) == text
    assert by_cell(leaf("Int"), "int4", value) == by_cell(leaf("Int"), "int8", value) == text
    if -(2**15) <= value < 2**15:
        assert by_cell(leaf("Int"), "int2", value) == text


@compiled
@pytest.mark.parametrize("value", [INT_32, -INT_32 - 1, 2**63 - 1, -(2**63)])
def test_a_number_beyond_32_bits_is_not_plain(value: int) -> None:
    for write in (by_object, lambda field, value: by_cell(field, "int8", value)):
        with pytest.raises(UncoveredError):
            write(leaf("Int"), value)
    with pytest.raises(UncoveredError):
        by_object(leaf("Int"), 2**64 + value)


floats = st.floats(allow_nan=False, allow_infinity=False)
# what rates and scores are: a few decimals, and the halves between them
decimals = st.builds(
    lambda whole, places: whole / 10**places, st.integers(-(10**9), 10**9), st.integers(0, 10)
)
near = st.builds(math.nextafter, decimals, st.sampled_from([-math.inf, math.inf]))


@compiled
@given(floats | decimals | near)
@example(-0.0)
@example(5e-324)
@example(sys.float_info.max)
@example(1e15)
@example(-1e15)
@example(999_999_999_999_999.0)
@example(1e16)
@example(1e-3)
@example(0.000_999_999)
@example(0.1 + 0.2)
@example(0.999_999_999_9)
def test_a_float_is_as_orjson_writes_it(value: float) -> None:
    text = by_object(leaf("Float"), value)
    assert text == by_cell(leaf("Float"), "float8", value) == json_bytes(value)
    # -0.0 too
    assert repr(from_json(text)) == repr(value)


@compiled
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_json_has_no_number_for_is_not_plain(value: float) -> None:
    for write in (by_object, lambda field, value: by_cell(field, "float8", value)):
        with pytest.raises(UncoveredError):
            write(leaf("Float"), value)


@compiled
@given(moments())
@example(datetime.min.replace(tzinfo=UTC))
@example(datetime.max.replace(tzinfo=UTC))
@example(datetime(1999, 12, 31, 23, 59, 59, 999_999, UTC))
@example(datetime(2000, 2, 29, tzinfo=UTC))
@example(datetime(1900, 3, 1, 0, 0, 0, 1, UTC))
def test_a_moment_is_written_as_iso_8601(value: datetime) -> None:
    assert by_cell(leaf("DateTime"), "timestamptz", value) == json_bytes(value.isoformat())


@compiled
@pytest.mark.parametrize(
    "microseconds", [-(2**63), 2**63 - 1, 252_455_616_000_000_000, -63_082_281_600_000_001]
)
def test_a_moment_that_no_calendar_has_is_not_plain(microseconds: int) -> None:
    struct = struct_of(["timestamptz"])
    data = data_row(cell(microseconds.to_bytes(8, "big", signed=True)))
    with pytest.raises(UncoveredError):
        written(shape_of(leaf("DateTime")), rows.unpack(struct, oids(["timestamptz"]), data, uuid))


@compiled
@pytest.mark.parametrize("value", [True, False])
def test_a_truth_value_is_a_word(value: bool) -> None:  # noqa: FBT001 - as it is given
    assert by_object(leaf("Boolean"), value) == by_cell(leaf("Boolean"), "bool", value) == json_bytes(value)


@compiled
def test_null_is_written_only_where_it_may_be() -> None:
    for type_, kind in (
        ("String", "text"), ("ID", "uuid"), ("Int", "int4"), ("Float", "float8"), ("Boolean", "bool"),
        ("DateTime", "timestamptz"), ("Color", "text"), ("JSON", "text"),
    ):  # fmt: skip
        choices = {"red": "RED"} if type_ == "Color" else None
        for write in (by_object, lambda field, value, kind=kind: by_cell(field, kind, value)):
            assert write(leaf(type_, nullable=True, choices=choices), None) == b"null"
            with pytest.raises(UncoveredError):
                write(leaf(type_, choices=choices), None)


class Color(enum.Enum):
    RED = "red"
    DARK_BLUE = "dark blue"


@compiled
def test_a_choice_is_written_by_its_name() -> None:
    members = leaf("Color", choices={color: color.name for color in Color})
    values = leaf("Color", choices={color.value: color.name for color in Color})
    for color in Color:
        text = json_bytes(color.name)
        assert by_object(members, color) == by_object(values, color.value) == text
        assert by_cell(values, "text", color.value) == by_cell(values, "varchar", color.value) == text
    for unknown in ("green", "", "re", "red ", "RED"):
        for write in (by_object, lambda field, value: by_cell(field, "text", value)):
            with pytest.raises(UncoveredError):
                write(values, unknown)


@compiled
def test_a_value_its_type_does_not_take_is_encoded_or_not_plain() -> None:
    wrong: list[tuple[str, str, Any]] = [
        ("String", "int4", 1), ("Int", "text", "1"), ("Int", "bool", True), ("Float", "int4", 1),
        ("Boolean", "int4", 1), ("ID", "uuid", ID), ("Int", "float8", 1.0), ("DateTime", "text", "now"),
        ("JSON", "text", "x"),
    ]  # fmt: skip
    for type_, kind, value in wrong:
        for write in (by_object, lambda field, value, kind=kind: by_cell(field, kind, value)):
            with pytest.raises(UncoveredError):
                write(leaf(type_), value)
            assert write(leaf(type_, encode=lambda value: json_bytes([repr(value)])), value) == json_bytes(
                [repr(value)]
            )


@compiled
def test_what_an_encoder_raises_is_its_own() -> None:
    def refuse(value: object) -> bytes:
        raise LookupError(value)

    with pytest.raises(LookupError):
        by_object(leaf("JSON", encode=refuse), object())


@compiled
def test_fields_are_written_in_their_order_beside_what_stands_for_all() -> None:
    shape = shape_of(
        Field.text("type", 'Les"son'),
        leaf("String"),
        Field.sealed("id"),
        Field.leaf("again", "c0", "String", nullable=False),
    )
    assert written(shape, [Holder("é")]) == json_bytes(
        {"type": 'Les"son', "key": "é", "id": SEALED, "again": "é"}
    )
    assert written(shape_of(), [Holder()]) == b"{}"
