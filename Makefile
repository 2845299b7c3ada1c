# Everything runs in the environment that ./harka keeps.
RUN := ./harka run

.DEFAULT_GOAL := help
.PHONY: help up test check format lint types imports schema fix bench bench-peers loadtest overload queueload chaos mutants

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{ printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up:  ## everything on this machine, with the demo tenants
	./harka up

test:  ## the tests, on servers of their own
	./harka test

check: format lint types imports schema test  ## everything CI runs

format:  ## is the code formatted
	$(RUN) ruff format --check . harka

lint:  ## ruff, every rule that has no written exception
	$(RUN) ruff check . harka

types:  ## mypy, strict
	$(RUN) mypy
	$(RUN) mypy --scripts-are-modules harka

imports:  ## do imports go down only
	$(RUN) lint-imports

schema:  ## is schema.graphql what the code says
	./harka schema --check

fix:  ## format, repair what ruff can, write the generated files
	$(RUN) ruff format . harka
	$(RUN) ruff check --fix . harka
	./harka schema --write
	./harka config --markdown > docs/configuration.md

bench:  ## the benchmarks
	$(RUN) python -m pytest -o addopts= --benchmark-only benchmarks

bench-peers:  ## HARKA beside Strawberry, Mercurius, PostGraphile and the raw floor
	$(RUN) python benchmarks/peers/run.py

loadtest:  ## people at work in organizations of every size, through Locust
	$(RUN) python loadtests/run.py

overload:  ## more than the server can do: a noisy neighbour, a mass of clients
	$(RUN) python loadtests/overload.py

queueload:  ## what the queue can do, and whether it is fair
	$(RUN) python loadtests/queue_load.py

chaos:  ## kill workers, API, PostgreSQL and Valkey a hundred times under load
	$(RUN) python loadtests/chaos.py --rounds 100

mutants:  ## plant isolation faults and see the tests notice
	$(RUN) python tests/isolation/run_mutants.py
