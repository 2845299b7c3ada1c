import pytest
from graphql import get_introspection_query, parse
from hypothesis import given
from hypothesis import strategies as st

from harka.errors import DocumentLimitError
from harka.graph.limits import Limits, Size, measure
from work_count import counted

LIMITS = Limits(
    depth=4,
    introspection_depth=6,
    root_fields=3,
    aliases=3,
    directives=3,
    fields=10,
    repeats=3,
    operations=2,
    lines=3,
)


def size(text: str) -> Size:
    (only,) = measure(parse(text), ceiling=1_000)
    return only


def refusal(text: str, limits: Limits = LIMITS) -> str:
    with pytest.raises(DocumentLimitError) as refused:
        limits.check(parse(text))
    return str(refused.value)


def doubled(levels: int) -> str:
    """Fragments of which each spreads the next one twice, below different fields."""
    fragments = " ".join(
        f"fragment f{n} on Query {{ a {{ ...f{n + 1} }} b {{ ...f{n + 1} }} }}" for n in range(levels)
    )
    return f"{{ ...f0 }} {fragments} fragment f{levels} on Query {{ c }}"


def test_counts_what_is_written() -> None:
    measured = size("{ a { b c: d } e: f }")
    assert measured == Size(depth=2, root_fields=2, aliases=2, fields=4, repeats=1)


def test_fragments_count_where_they_are_spread() -> None:
    measured = size("{ a { ...f } ...g } fragment f on A { b { c } } fragment g on Query { d e }")
    assert measured == Size(depth=3, root_fields=3, fields=5, repeats=1)


def test_directives_count_wherever_they_stand() -> None:
    fragment = "fragment f on A @f { y @g }"
    text = f"query ($v: Int @o) @a {{ a @b {{ ...f @c ... @d {{ x @e @e }} }} b {{ ...f }} }} {fragment}"
    # of the fragment two, twice
    assert size(text).directives == 7 + 2 * 2


def test_inline_fragments_add_no_depth() -> None:
    assert size("{ ... on Query { ... { a } } }") == Size(depth=1, root_fields=1, fields=1)


def test_a_fragment_spread_twice_in_one_place_counts_once() -> None:
    assert size("{ a { ...f ...f } } fragment f on A { b }").fields == 2


def test_every_operation_is_measured() -> None:
    first, second = measure(parse("query A { a } query B { a { b } }"), ceiling=10)
    assert (first.depth, second.depth) == (1, 2)


def test_introspection_has_a_depth_of_its_own() -> None:
    measured = size("{ a __schema { types { name } } ...f } fragment f on Query { __type(name: 1) { kind } }")
    assert (measured.depth, measured.introspection_depth) == (1, 3)


def test_a_fragment_inside_introspection_counts_as_introspection() -> None:
    measured = size("{ __schema { ...f } } fragment f on __Schema { types { fields { name } } }")
    assert (measured.depth, measured.introspection_depth) == (0, 4)


@pytest.mark.parametrize("input_value_deprecation", [True, False])
def test_the_introspection_of_tools_passes(input_value_deprecation: bool) -> None:  # noqa: FBT001 - a parameter of the test
    text = get_introspection_query(
        specified_by_url=True,
        directive_is_repeatable=True,
        schema_description=True,
        input_value_deprecation=input_value_deprecation,
    )
    Limits().check(parse(text))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{ a { b { c { d { e } } } } }", "4 for depth"),
        ("{ __schema { a { b { c { d { e { f } } } } } } }", "6 for introspection depth"),
        ("{ a b c d }", "3 for root fields"),
        ("{ a { b: c d: e f: g h: i } }", "3 for aliases"),
        ("{ a @a @b @c @d }", "3 for directives"),
        ("{ a @a ...f @b } fragment f on Query { b @a @b }", "3 for directives"),
        ("query A { a } query B { a } query C { a }", "2 for operations"),
        ("{ a { b c d e f g h i j k } }", "10 for fields"),
        ("{ ...f } fragment f on Query { a b c d }", "3 for root fields"),
        ("{ a { b } a { b } ...f } fragment f on Query { c: a { a { b } a { b } } }", "3 for repeats"),
    ],
)
def test_a_document_beyond_a_limit_is_refused_by_name(text: str, words: str) -> None:
    assert words in refusal(text)


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_lines_are_limited_before_anything_is_read(end: str) -> None:
    LIMITS.check_text("{ a }\n\n}")
    with pytest.raises(DocumentLimitError, match="3 for lines"):
        LIMITS.check_text(f"{{ a {end * 3}")


def test_fields_without_a_selection_may_repeat() -> None:
    assert size("{ a a b: a c { a a a } }").repeats == 1


def test_doubled_fragments_are_refused_without_being_expanded() -> None:
    with counted() as calls:
        refusal(doubled(200), Limits(depth=1_000))
    # expanded, these would be 2^200 fields; parsed, they are 2,800 tokens
    assert calls.total < 300_000


@pytest.mark.parametrize(
    "text",
    [
        "{ ...a } fragment a on Query { ...a }",
        "{ ...a } fragment a on Query { x { ...b } } fragment b on Query { y { ...a } }",
        "{ ...gone }",
        "fragment a on Query { ...a }",
    ],
)
def test_cycles_and_gaps_are_left_to_validation(text: str) -> None:
    Limits().check(parse(text))


def test_a_long_chain_of_fragments_needs_no_stack() -> None:
    chain = " ".join(f"fragment f{n} on Query {{ ...f{n + 1} }}" for n in range(3_000))
    assert size(f"{{ ...f0 }} {chain} fragment f3000 on Query {{ a }}").fields == 1


names = st.sampled_from(["a", "b", "x: a"])
selections = st.recursive(
    st.lists(names, min_size=1, max_size=3).map(" ".join),
    lambda inner: st.lists(inner.map(lambda text: f"a {{ {text} }}"), min_size=1, max_size=3).map(" ".join),
    max_leaves=15,
)


@given(selections)
def test_counts_agree_with_the_text(text: str) -> None:
    measured = size(f"{{ {text} }}")
    nesting = depth = 0
    for character in text:
        nesting += {"{": 1, "}": -1}.get(character, 0)
        depth = max(depth, nesting)
    assert measured.depth == depth + 1
    assert measured.aliases == text.count(":")
