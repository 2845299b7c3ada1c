"""Caches, events, files and seals."""

# ruff: noqa: E501 - quotes of code, which must stand as they do there

from typing import Final

from mutants.mutant import Mutant

CACHE = ("tests/cache", "tests/isolation")
EVENTS = ("tests/graph/subscriptions", "tests/test_pubsub.py", "tests/isolation/test_subscriptions.py")
EXPORT = ("tests/cli/test_exports.py", "tests/onboarding/test_export.py")
FILES = ("tests/files", "tests/isolation")

MUTANTS: Final = [
    Mutant(
        "cache-key-without-tenant",
        "cache/seal.py",
        "        part = key.bytes if isinstance(key, UUID) else key\n",
        "        part, tenant = key.bytes if isinstance(key, UUID) else key, UUID(int=0)\n",
        CACHE,
    ),
    Mutant(
        "kept-here-of-any-tenant",
        "cache/local.py",
        "        local = self._tenants.get(tenant)\n        if local is None:\n            return None\n        entry",
        "        local = next(iter(self._tenants.values()), None)\n        if local is None:\n            return None\n        entry",
        CACHE,
    ),
    Mutant(
        "kept-here-though-nothing-is-heard",
        "cache/tenant.py",
        "        if now >= news.until:\n",
        "        if not news.until:\n",
        CACHE,
    ),
    Mutant(
        "answer-kept-for-any-caller",
        "graph/answer_cache.py",
        '    whose = b"" if policy.is_public else _fingerprint(tenant)\n',
        '    whose = b""\n',
        ("tests/graph/test_answer_cache.py",),
    ),
    Mutant(
        "answer-of-who-takes-it-kept",
        "graph/answer_cache.py",
        "    if not policy.is_public and not sees_by_permissions(tenant):\n",
        "    if False:\n",
        ("tests/graph/test_answer_cache.py",),
    ),
    Mutant(
        "writer-waits-for-nobody-to-hear",
        "cache/writes.py",
        "        await self._news.heard(told)\n",
        "",
        CACHE,
    ),
    Mutant(
        "who-was-cut-off-is-not-waited-for",
        "cache/news.py",
        "        if not self.known or self.silent(heard):\n",
        "        if not self.known:\n",
        ("tests/cache/test_news.py",),
    ),
    Mutant(
        "who-does-not-know-the-others-waits-for-nobody",
        "cache/news.py",
        "        if clock.monotonic() >= self._knows_from:\n            waiting",
        "        if True:\n            waiting",
        ("tests/cache/test_news.py",),
    ),
    Mutant(
        "numbers-outlive-a-fail-over",
        "cache/generation.py",
        "if redis.call('HGET', KEYS[1], 'origin') ~= origin then\n",
        "if false then\n",
        ("tests/cache/test_failover.py",),
    ),
    Mutant(
        "numbers-begun-anew-below-are-not-believed",
        "cache/local.py",
        "        if numbers.get(TENANT, math.inf) < known.get(TENANT, 0):\n",
        "        if False:\n",
        ("tests/cache/test_local.py", "tests/cache/test_tenant.py"),
    ),
    Mutant(
        "document-of-any-tenant",
        "graph/persisted.py",
        "        known: str | None = self._texts.get((tenant, sha256))\n",
        "        known: str | None = next((t for (_, h), t in self._texts.items() if h == sha256), None)\n",
        ("tests/graph/test_persisted.py",),
    ),
    Mutant(
        "cache-seal-not-checked",
        "cache/seal.py",
        "if not hmac.compare_digest(sealed[:_TAG_BYTES], self._tag(name, body)):",
        "if False:",
        CACHE,
    ),
    Mutant(
        "cache-without-tenant-opens",
        "cache/tenant.py",
        "    if not isinstance(tenant, UUID):\n        raise TenantRequiredError\n",
        "    return\n",
        CACHE,
    ),
    Mutant(
        "channel-without-tenant",
        "pubsub.py",
        'return f"harka:event:{tenant.hex}:{topic}"',
        'return f"harka:event:{topic}"',
        ("tests/test_pubsub.py", "tests/isolation"),
    ),
    Mutant(
        "channel-of-any-course",
        "pubsub.py",
        'return f"harka:event:{tenant.hex}:{topic}"',
        "return f\"harka:event:{tenant.hex}:{topic.rpartition(':')[0]}\"",
        EVENTS,
    ),
    Mutant(
        "listener-of-any-enrollment",
        "graph/subscriptions/progress.py",
        'return await Notices.of_topic(context, f"progress:{id_}", read)',
        'return await Notices.of_topic(context, "progress:course:" + str((await context.loaders.of(EnrollmentByIdLoader).load(id_)).course_id), read)',
        EVENTS,
    ),
    Mutant(
        "file-path-without-tenant",
        "files/store.py",
        'return f"{tenant.hex}/{path}"',
        "return path",
        FILES,
    ),
    Mutant(
        "file-link-of-any-tenant",
        "files/link.py",
        "hashlib.blake2b(tenant.bytes + body, key=self._key",
        "hashlib.blake2b(body, key=self._key",
        FILES,
    ),
    Mutant(
        "export-among-anothers-files",
        "cli/exports.py",
        "runtime.files.write(organization.id,",
        "runtime.files.write(type(organization.id)(int=organization.id.int ^ 1),",
        EXPORT,
    ),
    Mutant(
        "export-of-another-tenant",
        "repositories/organization.py",
        "WHERE o.slug = $1",
        "WHERE o.slug <> $1 LIMIT 1",
        EXPORT,
    ),
    Mutant(
        "seal-without-tenant",
        "crypto/envelope.py",
        'return _VERSION + tenant.bytes + purpose.encode("utf-8")',
        'return _VERSION + purpose.encode("utf-8")',
        ("tests/crypto",),
    ),
    Mutant(
        "generation-of-all-tenants",
        "cache/generation.py",
        'return f"harka:{{{tenant.hex}}}:generations"',
        'return "harka:generations"',
        CACHE,
    ),
    Mutant(
        "cached-for-a-learner-too",
        "learning/course.py",
        "if not (scope.everything and work.reads_cache):",
        "if not work.reads_cache:",
        ("tests/learning/test_work_cached.py",),
    ),
    Mutant(
        "cached-by-a-writer",
        "learning/work.py",
        "return self.session.read_only and self.session.statements == 0",
        "return self.session.statements == 0 or not self.session.read_only",
        ("tests/learning/test_work_cached.py", "tests/learning"),
    ),
    Mutant(
        "cached-from-an-old-snapshot",
        "learning/work.py",
        "return self.session.read_only and self.session.statements == 0",
        "return self.session.read_only",
        ("tests/learning/test_work_cached.py",),
    ),
    Mutant(
        "cached-after-a-change",
        "learning/work.py",
        "            actions.insert(0, partial(forget, self.context.id, sorted(self._forgets)))",
        "            pass",
        ("tests/learning/test_work.py",),
    ),
    Mutant(
        "event-of-another-tenant-believed",
        "pubsub.py",
        "if _channel_name(received.tenant, received.topic) != name:",
        "if False:",
        ("tests/test_pubsub.py", *EVENTS),
    ),
]
