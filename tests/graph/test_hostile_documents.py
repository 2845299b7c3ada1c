"""What is sent to hurt: each through the real door, answered with a code, no statement, and bounded work.

Work is counted in calls of functions: the ceilings say what a refusal may cost, far below what the document
would cost if it were read, expanded, printed or compared whole.
"""

import gc
import io
import itertools
import tracemalloc
from collections.abc import Callable, Iterator

import httpx2
import pytest

from doors import MakeTenant, OpenClient
from harka import logs
from harka.codec import json_bytes
from harka.config import Settings
from harka.graph import schema
from harka.graph.document import Documents
from harka.graph.limits import Limits
from harka.repositories.organization import Organization
from harka.runtime import Runtime
from harka.tenancy.allowance import Allowance
from harka.tenancy.permission import Permission
from harka.tenancy.plan import Plan
from harka.tenancy.quota import Admission
from school import School
from work_count import counted

PARSE, INVALID = "GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED"
LIMIT, BAD, LARGE = "GRAPHQL_LIMIT_EXCEEDED", "BAD_REQUEST", "PAYLOAD_TOO_LARGE"
ID = "INVALID_ID"
# an id is opened by a resolver: the rest of the answer stays
STATUS = {LARGE: 413, ID: 200}

# calls: a request that is answered plainly takes about 2,000
UNREAD = 4_500
"""For what is refused by its length, its lines or its shape, before a token of it is looked at."""
READ = 200_000
"""For what is read up to the limit of tokens."""
VALIDATED = 1_000_000
"""For what is within every limit."""
COMPARED = 2_000_000
"""For what graphql-core compares each with each, until its own budget is spent."""
_TRIES = 2
LONGEST_ANSWER = 12_000
"""Bytes: the answer to a refused document does not grow with it."""


def nested(opening: str, middle: str, closing: str, levels: int = 1_000) -> str:
    return opening * levels + middle + closing * levels


def many(text: str, count: int) -> str:
    """`text` with each number below `count` for its `#`."""
    return " ".join(text.replace("#", str(number)) for number in range(count))


def cycle(length: int) -> str:
    links = (f"fragment f{n} on Query {{ ...f{(n + 1) % length} }}" for n in range(length))
    return f"{{ ...f0 }} {' '.join(links)}"


def clique(size: int) -> str:
    """Every fragment spreads every fragment."""
    return f"{{ ...f0 }} {many('fragment f# on Query { ' + many('...f#', size) + ' }', size)}"


def doubled(levels: int, link: str) -> str:
    """Each fragment spreads the next one twice; `link` has a place for its name."""
    links = (f"fragment f{n} on Query {{ {link.replace('*', f'...f{n + 1}')} }}" for n in range(levels))
    return f"{{ ...f0 }} {' '.join(links)} fragment f{levels} on Query {{ viewer {{ kind }} }}"


def course(code: str) -> str:
    return f"{{ course(code: {code}) {{ id }} }}"


LINES = "\n" * 80_000
DOCUMENTS = {
    "10,000 aliases": ("{" + many("a#: viewer { kind }", 10_000) + "}", LIMIT, UNREAD),
    "aliases, as many as tokens allow": ("{ viewer {" + many("a#: kind", 1_600) + "} }", LIMIT, READ),
    "a fragment in itself": ("{ ...a } fragment a on Query { ...a }", INVALID, READ),
    "a fragment in itself by way of others": (cycle(3), INVALID, READ),
    "a long cycle": (cycle(500), INVALID, VALIDATED),
    "fragments that all spread each other": (clique(45), INVALID, VALIDATED),
    "fragments doubled below fields": (doubled(200, "a: viewer { * } b: viewer { * }"), LIMIT, READ),
    "fragments doubled at the root": (doubled(300, "* ... on Query { * }"), LIMIT, READ),
    "fragments doubled, once by the rules": (doubled(300, "* *"), INVALID, VALIDATED),
    "a string of 1 MB": (course(f'"{"x" * 1_000_000}"'), LIMIT, UNREAD),
    "a block string of 1 MB": (course(f'"""{"x" * 1_000_000}"""'), LIMIT, UNREAD),
    "a number of 1 MB": ("{ courses(first: " + "9" * 1_000_000 + ") { nodes { id } } }", LIMIT, UNREAD),
    "a number of 99 kB": ("{ courses(first: " + "9" * 99_000 + ") { nodes { id } } }", INVALID, VALIDATED),
    "an exponent of 99 kB": (
        "{ courses(first: 1e" + "9" * 99_000 + ") { nodes { id } } }",
        INVALID,
        VALIDATED,
    ),
    "a name of 99 kB": ("{ " + "a" * 99_000 + " }", INVALID, VALIDATED),
    "a list of 100,000 items": (course(f"[{'1 ' * 100_000}]"), LIMIT, UNREAD),
    "a list, as long as tokens allow": (course(f"[{'1 ' * 4_980}]"), INVALID, VALIDATED),
    "an object, as large as tokens allow": (
        "mutation { createCourse(input: {" + many("a#: 1", 1_600) + "}) { course { id } } }",
        INVALID,
        VALIDATED,
    ),
    "1,000 levels of fields": (nested("{ viewer ", "{ id }", "}"), LIMIT, READ),
    "1,000 levels of lists": (course(nested("[", "1", "]")), LIMIT, READ),
    "1,000 levels of objects": (course(nested("{a: ", "1", "}")), LIMIT, READ),
    "1,000 levels of types": (f"query ($a: {nested('[', 'Int', ']')}) {{ viewer {{ kind }} }}", LIMIT, READ),
    "1,000 levels of inline fragments": ("{ viewer " + nested("{ ... ", "{ kind }", "}") + " }", LIMIT, READ),
    "1,000 parentheses": (f"{{ course{nested('(', '', ')')} {{ id }} }}", PARSE, UNREAD),
    "1,000 braces": ("{" * 1_000, PARSE, UNREAD),
    "1,000 brackets, never closed": ("{ course(code: " + "[" * 1_000, LIMIT, READ),
    "100,000 directives": ("{ viewer " + "@a " * 100_000 + "{ kind } }", LIMIT, UNREAD),
    "directives, as many as tokens allow": ("{ viewer " + "@a " * 2_400 + "{ kind } }", LIMIT, READ),
    "directives, as many as are allowed": ("{ viewer " + "@a " * 500 + "{ kind } }", INVALID, VALIDATED),
    "10,000 operations": (many("query Q# { viewer { kind } }", 10_000), LIMIT, UNREAD),
    "operations that share a fragment": (
        many("query Q# { ...f }", 600) + " fragment f on Query { viewer { kind } }",
        LIMIT,
        READ,
    ),
    "1,200 variables": ("query (" + many("$v#: Int", 1_200) + ") { viewer { kind } }", INVALID, VALIDATED),
    "one field, as often as is allowed": ("{ viewer { " + "kind " * 1_990 + "} }", INVALID, COMPARED),
    "one argument, as often as tokens allow": (
        "{ course(" + "code: 1 " * 1_600 + ") { id } }",
        INVALID,
        VALIDATED,
    ),
    "an argument too many after 80,000 lines": (
        f"{LINES}{{ course({'code: 1 ' * 1_200}) {{ id }} }}",
        LIMIT,
        UNREAD,
    ),
    "80,000 returns": (LINES.replace("\n", "\r") + "{ x }", LIMIT, UNREAD),
    "300,000 comments": ("#\n" * 300_000 + "{ viewer { kind } }", LIMIT, UNREAD),
    "600 definitions of types": (many("type A# { a: Int }", 600), INVALID, VALIDATED),
}


class Told:
    """An answer, what it took, and what was logged meanwhile."""

    def __init__(self, response: httpx2.Response, calls: int, statements: int, log: str) -> None:
        self.response = response
        self.calls = calls
        self.statements = statements
        self.log = log

    @property
    def codes(self) -> set[str]:
        return {error["extensions"]["code"] for error in self.response.json()["errors"]}


async def ask(school: School, body: bytes) -> Told:
    headers = {"content-type": "application/json", "accept": "application/graphql-response+json"}
    headers |= await school.headers(tuple(Permission))
    school = school.with_admission(Admission())
    log = io.StringIO()
    calls = 10**9
    with logs.writing(Settings(), log):
        for _ in range(_TRIES):
            with counted() as made:
                response = await school.send(headers=headers, content=body)
            # the other tasks of the process take turns, too
            calls = min(calls, made.total)
            if calls <= UNREAD:
                break
    return Told(response, calls, school.app.record.statements, log.getvalue())


def require_refusal(told: Told, code: str, ceiling: int) -> None:
    assert told.codes == {code}
    assert told.response.status_code == STATUS.get(code, 400)
    assert told.statements == 0
    assert "Traceback" not in told.log
    assert '"bug"' not in told.log
    assert len(told.response.content) <= LONGEST_ANSWER
    assert told.calls <= ceiling


@pytest.mark.parametrize("name", DOCUMENTS)
async def test_a_hostile_document_is_refused_with_a_code_and_in_bounded_work(
    school: School, name: str
) -> None:
    text, code, ceiling = DOCUMENTS[name]
    told = await ask(school, json_bytes({"query": text}))
    require_refusal(told, code, ceiling)


BY_CODE = "query ($value: String!) { course(code: $value) { id } }"
BY_ID = "query ($value: ID!) { course(id: $value) { id } }"
FIRST = "query ($value: Int!) { courses(first: $value) { nodes { id } } }"
CREATE = "mutation ($value: CreateCourseInput!) { createCourse(input: $value) { course { id } } }"
VARIABLES: dict[str, tuple[str, str, str]] = {
    "a list of 300,000 for a text": (BY_CODE, f"[{'1,' * 300_000}1]", INVALID),
    "1,000 lists in each other": (BY_CODE, nested("[", "1", "]"), INVALID),
    "more lists than any decoder takes": (BY_CODE, nested("[", "1", "]", 100_000), BAD),
    "a number of 1 MB": (FIRST, "9" * 1_000_000, BAD),
    "a text of 1 MB for a number": (FIRST, f'"{"x" * 1_000_000}"', INVALID),
    "an id of 1 MB": (BY_ID, f'"{"x" * 1_000_000}"', ID),
    "90,000 unknown keys": (CREATE, "{" + ",".join(f'"a{n}":1' for n in range(90_000)) + "}", INVALID),
    "100,000 wrong items": (CREATE, '{"code":"a","title":"a","modules":[' + "1," * 100_000 + "1]}", INVALID),
    "beyond 2 MB": (BY_CODE, f'"{"x" * 2_200_000}"', LARGE),
}


@pytest.mark.parametrize("name", VARIABLES)
async def test_hostile_variables_are_refused_with_a_code_and_in_bounded_work(
    school: School, name: str
) -> None:
    text, value, code = VARIABLES[name]
    told = await ask(school, b'{"query":%b,"variables":{"value":%b}}' % (json_bytes(text), value.encode()))
    require_refusal(told, code, VALIDATED)


MOST_KEPT = 2**20
REMAINS = 300_000  # bytes that graphql-core holds after a validation, whatever it validated
SOUND = "{ viewer { kind } }"


async def test_what_is_sound_is_answered_afterwards(school: School) -> None:
    """Nothing that was refused has left something behind, and what is large but sound is answered."""
    # of a budget of its own: to read all of these costs more than there is
    for text, _, _ in DOCUMENTS.values():
        await school.with_admission(Admission()).ask(text)
    assert (await school.ask(SOUND)).data == {"viewer": {"kind": "API_KEY"}}
    assert (await school.ask(course(f'"{"x" * 99_000}"'))).data == {"course": None}
    assert (await school.ask(BY_CODE, {"value": "x" * 1_000_000})).data == {"course": None}


def made() -> Documents:
    return Documents(schema.core(), Limits(), introspection=True)


def flood(documents: Documents, text: Callable[[int], str], count: int) -> None:
    for number in range(count):
        documents.prepare(text(number), hide_suggestions=True).operation(None)


def traced(work: Callable[[], None]) -> int:
    """Bytes that are held afterwards and were not before."""
    gc.collect()
    before, _ = tracemalloc.get_traced_memory()
    work()
    gc.collect()
    return tracemalloc.get_traced_memory()[0] - before


@pytest.fixture
def tracing() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def test_documents_that_are_new_each_time_forget_none_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """100,000 take minutes to validate: `test_document_cache` has as many, here the bound is smaller."""
    monkeypatch.setattr("harka.graph.document.CACHED_BYTES", MOST_KEPT)
    documents = made()
    first = documents.prepare(SOUND, hide_suggestions=True)
    assert documents.prepare(SOUND, hide_suggestions=True) is first
    flood(documents, lambda number: f"query Q{number} {{ __typename }}", 1_000)
    assert documents.kept_bytes <= MOST_KEPT
    assert documents.prepare(SOUND, hide_suggestions=True) is first


HEAVY = {
    "tokens": lambda n: f"query Q{n} {{ viewer {{ {'... { kind } ' * 100} }} }}",
    "letters": lambda n: course(f'"{n} {"x" * 30_000}"'),
    "wide letters": lambda n: course(f'"{n} {chr(0x1F600) * 30_000}"'),
    "blanks": lambda n: f"query Q{n} {{ {' ' * 30_000} __typename }}",
}


@pytest.mark.usefixtures("tracing")
@pytest.mark.parametrize("name", HEAVY)
def test_kept_documents_take_no_more_memory_than_is_said(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harka.graph.document.CACHED_BYTES", MOST_KEPT)
    documents = made()
    held = traced(lambda: flood(documents, HEAVY[name], 25))
    assert documents.kept_bytes <= MOST_KEPT
    assert held <= documents.kept_bytes + REMAINS


@pytest.mark.compiled
@pytest.mark.usefixtures("tracing")
def test_the_plans_of_a_document_are_weighed_with_it() -> None:
    """16 plans of 800 fields from a document of 300 tokens: what is kept is weighed before they are made."""
    documents = made()
    names = [f"$v{number}: Boolean!" for number in range(4)]
    leaves = " ".join(f"weight @skip(if: $v{number})" for number in range(4))
    fields = many(
        "a#: courses(first: 5) { nodes { id code title modules { id title lessons { ...l } } } }", 30
    )
    text = f"query ({' '.join(names)}) {{ {fields} }} fragment l on Lesson {{ id title {leaves} }}"
    operation = documents.prepare(text, hide_suggestions=True).operation(None)
    weight = documents.kept_bytes

    def plan() -> None:
        for values in itertools.product([True, False], repeat=4):
            variables = {f"v{number}": value for number, value in enumerate(values)}
            assert operation.plan(variables) is not None

    assert traced(plan) <= weight


@pytest.mark.parametrize("levels", [25, 100])
async def test_what_is_small_once_it_is_spread_is_answered_in_bounded_work(
    school: School, levels: int
) -> None:
    """Each level is allowed, and stands twice in the next: 2^levels, were it not read once."""
    told = await ask(school, json_bytes({"query": doubled(levels, "* *")}))
    assert told.response.json()["data"] == {"viewer": {"kind": "API_KEY"}}
    assert told.calls <= VALIDATED


async def test_what_is_refused_is_paid_for(
    make_tenant: MakeTenant, api: OpenClient, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is bounded, and there is no end of them; what is known costs nothing to read."""
    paid: list[float] = []
    pay = runtime.admission.pay

    def noted(organization: Organization, points: float) -> None:
        paid.append(points)
        pay(organization, points)

    seconds: list[float] = []
    owe = runtime.admission.owe

    def owed(allowance: Allowance, points: float, held: float) -> None:
        seconds.append(held)
        owe(allowance, points, held)

    monkeypatch.setattr(runtime.admission, "pay", noted)
    monkeypatch.setattr(runtime.admission, "owe", owed)
    client = await api(await make_tenant(plan=Plan.STARTER), ())
    known = "{ viewer { kind } }"
    assert (await client.graphql(known))["data"] == {"viewer": None}
    answers = [await client.graphql(f"{{ viewer {{ {'kind ' * 1_990} no{n} }} }}") for n in range(8)]
    codes = [answer["errors"][0]["extensions"]["code"] for answer in answers]
    assert codes[0] == INVALID
    assert codes.count("RATE_LIMITED") >= 4
    assert len(paid) == len(seconds) == 9
    # the processor's time is, too: a document of 10,000 characters is more than a tenth of a millisecond
    assert seconds[1] > 1e-4
    await client.graphql(known)
    assert len(paid) == len(seconds) == 9
