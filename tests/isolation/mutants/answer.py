"""Plans, loaders and rows: what outlives a request must not hold anything of it."""

# ruff: noqa: E501 - quotes of code, which must stand as they do there

from typing import Final

from mutants.mutant import Mutant

GRAPH = ("tests/graph/types", "tests/graph", "tests/isolation")
PLAN = ("tests/graph/test_plan.py", *GRAPH)
DOCUMENT = ("tests/graph/test_document.py", *GRAPH)
PERMISSION = ("tests/graph/test_permission.py", *GRAPH)
LOADER = ("tests/graph/loaders", "tests/graph")
ROWS = ("tests/graph/types", "tests/repositories", "tests/graph")
SUBSCRIPTION = ("tests/graph/subscriptions", "tests/isolation/test_subscriptions.py")

MUTANTS: Final = [
    Mutant(
        "shared-loaders",
        "graph/loaders/loader.py",
        "    def __init__(self, work: UnitOfWork) -> None:\n        self._work = work\n        self._made: dict[type[Loader[Any, Any]], Loader[Any, Any]] = {}",
        "    def __init__(self, work: UnitOfWork, made: dict[Any, Any] = {}) -> None:\n        self._work = work\n        self._made = made",
        GRAPH,
    ),
    Mutant(
        "answers-shared-between-loaders",
        "graph/loaders/loader.py",
        "    def __init__(self, work: UnitOfWork) -> None:\n        self.work = work\n        self._known: dict[K, asyncio.Future[V]] = {}",
        "    def __init__(self, work: UnitOfWork, known: dict[Any, Any] = {}) -> None:\n        self.work = work\n        self._known = known",
        GRAPH,
    ),
    Mutant(
        "answers-outlive-the-request",
        "graph/loaders/loader.py",
        "        self._read: list[tuple[dict[K, int], Sequence[V]]] = []",
        "        self._read: list[Any] = Loader.__init__.__dict__.setdefault(str(type(self)), [])",
        GRAPH,
    ),
    Mutant(
        "answers-outlive-a-mutation",
        "graph/loaders/loader.py",
        "        self._unread.clear()\n        self._read.clear()\n        self._ahead.clear()\n",
        "",
        LOADER,
    ),
    # plans are kept with their document, and serve every tenant
    Mutant(
        "context-kept-with-the-plan",
        "graph/batch.py",
        "        keywords = dict(step.arguments(self._variables)) if step.arguments is not None else {}\n        if step.info:\n            keywords[step.info] = self._info",
        "        keywords = step.arguments(self._variables) if step.arguments is not None else {}\n        if step.info:\n            keywords.setdefault(step.info, self._info)",
        GRAPH,
    ),
    Mutant(
        "arguments-kept-with-the-plan",
        "graph/arguments.py",
        "    def take(variables: VariableValues) -> Arguments:\n        coerced = variables.coerced\n        values = {}",
        "    values: Arguments = {}\n\n    def take(variables: VariableValues) -> Arguments:\n        coerced = variables.coerced",
        PLAN,
    ),
    Mutant(
        "converted-arguments-kept-with-the-plan",
        "graph/arguments.py",
        "if not _uses_variables(node):\n        constant = converted(None)\n        return lambda _variables: constant\n    return _taken(field, node, declared, schema) or converted",
        "kept: list[Arguments] = []\n    return _taken(field, node, declared, schema) or (lambda given: (kept or kept.append(converted(given)) or kept)[0])",
        PLAN,
    ),
    Mutant(
        "plan-of-the-first-conditions",
        "graph/plan.py",
        "outcome = tuple(map(variables.get, self._conditions))",
        "outcome = tuple(self._conditions)",
        PLAN,
    ),
    Mutant(
        "operation-of-the-first-name",
        "graph/document.py",
        "known = self._by_name.get(name)",
        "known = next(iter(self._by_name.values()), None)",
        DOCUMENT,
    ),
    Mutant(
        "plan-without-permissions",
        "graph/plan.py",
        "            required = extension.required\n",
        "            pass\n",
        PERMISSION,
    ),
    Mutant(
        "batch-asks-no-permission",
        "graph/batch.py",
        "        if step.required is not Access.OPEN:\n            self._context.require(step.required)\n",
        "",
        PERMISSION,
    ),
    Mutant(
        "lone-field-asks-no-permission",
        "graph/batch.py",
        "        if required is not Access.OPEN:\n            self._context.require(required)\n",
        "",
        PERMISSION,
    ),
    Mutant(
        "identity-is-enough",
        "graph/context.py",
        "            self.tenant.require(required)",
        "            self.require(Access.SIGNED_IN)",
        PERMISSION,
    ),
    Mutant(
        "asked-for-again-by-the-next",
        "graph/batch.py",
        "    def __init__(self) -> None:\n        self.count = 0\n        self.several = False\n        self._ahead: dict[type[Loader[Any, Any]], list[Any]] = {}\n        self._places: list[tuple[list[Any], int]] = []\n        self._loads: dict[type[Loader[Any, Any]], list[_Request]] = {}\n",
        "    def __init__(self, loads: dict[Any, Any] = {}) -> None:\n        self.count = 0\n        self.several = False\n        self._ahead: dict[type[Loader[Any, Any]], list[Any]] = {}\n        self._places: list[tuple[list[Any], int]] = []\n        self._loads = loads\n",
        PLAN,
    ),
    Mutant(
        "seal-of-the-first-tenant",
        "graph/context.py",
        '    def seal(self) -> Any:\n        """What writes the organization\'s node ids into an answer; the twin is `runtime.node_ids`."""\n        return executor.Seal(self.runtime.node_ids.key, self.tenant.organization.id.bytes)',
        "    def seal(self, kept: dict[bytes, Any] = {}) -> Any:\n        key = self.runtime.node_ids.key\n        return kept.get(key) or kept.setdefault(key, executor.Seal(key, self.tenant.id.bytes))",
        GRAPH,
    ),
    # rows find their objects
    Mutant(
        "answers-of-the-first-request",
        "graph/batch.py",
        "        start += len(each)\n",
        "        pass\n",
        PLAN,
    ),
    Mutant(
        "rows-in-the-order-they-come",
        "rows.py",
        "        return aligned(self._rows, self._name, keys)",
        "        return list(self._rows)",
        ROWS,
    ),
    Mutant(
        "rows-found-by-their-place",
        "graph/loaders/loader.py",
        "return answers if len(places) == len(keys) else rows.take(answers, places)",
        "return rows.take(answers, [place % len(keys) for place in range(len(places))])",
        LOADER,
    ),
    Mutant(
        "primed-with-the-last-row",
        "graph/loaders/loader.py",
        "known.set_result(answers[places[key]])",
        "known.set_result(answers[-1])",
        LOADER,
    ),
    # events are read afresh for whoever listens
    Mutant(
        "event-told-as-to-who-subscribed",
        "graph/execution.py",
        "            async with identify() as listener:\n",
        "            async with identify():\n                listener = tenant\n",
        SUBSCRIPTION,
    ),
    Mutant(
        "event-told-to-anybody",
        "graph/execution.py",
        "if not await notice.is_visible(context):",
        "if False:",
        SUBSCRIPTION,
    ),
]
