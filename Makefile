# The targets a newcomer needs. `make run` runs the portal, `make test` tests it.

CARGO ?= cargo

# libpq of the system where its headers are, else one built from source (needs only a C compiler, make and perl).
LIBPQ ?= $(shell pkg-config --exists libpq 2>/dev/null && echo system-libpq || echo bundled)
FEATURES := --no-default-features --features $(LIBPQ)

# For the scripts of the suites.
export CARGO FEATURES

.PHONY: run test replicas contract clients browser proxy backup check openapi fmt fuzz bench

# Serves the API on http://127.0.0.1:8000 with everything it keeps below var/. ARGS="…" runs another command:
# make run ARGS="seed --jobs 1000".
run:
	$(CARGO) run -p jobportal $(FEATURES) -- $(ARGS)

# All tests: those in Rust, on SQLite and on a PostgreSQL and a Redis that are started for them, then the suites in other languages. A suite whose
# language is missing is skipped, and told at the end; REQUIRE_ALL=1 makes that a failure.
test:
	tests/with-redis.sh tests/with-postgres.sh $(CARGO) test --workspace --no-fail-fast $(FEATURES)
	tests/suites.sh replicas contract clients browser proxy backup

# The portal on a PostgreSQL primary with a streaming replica, and through PgBouncer.
replicas:
	tests/replicas.sh

# The portal held against its OpenAPI document, as each role.
contract:
	tests/contract.sh

# A journey through clients that are generated from the document, in TypeScript and in Python.
clients:
	tests/clients.sh

# The page /docs/ in a real browser.
browser:
	tests/browser.sh

# Two nodes behind nginx, and the other examples below config/.
proxy:
	tests/proxy.sh

# A backup, made while others write, and a portal on what was restored of it.
backup:
	tests/backup.sh

# Hostile input, made up for so many seconds for each target; needs cargo-fuzz and a nightly toolchain. `make fuzz TARGETS=token SECONDS=60`
# is quick. What was found lies in tests/fuzz/artifacts/: fix it, and copy it to tests/fuzz/seeds/.
SECONDS ?= 600
TARGETS ?= token query cursor salary multipart duration
fuzz:
	cp Cargo.lock tests/fuzz/
	set -e; for target in $(TARGETS); do mkdir -p target/fuzz/corpus/$$target; \
	    $(CARGO) +nightly fuzz run --fuzz-dir tests/fuzz --target-dir target/fuzz $$target target/fuzz/corpus/$$target \
	    tests/fuzz/seeds/$$target -- -max_total_time=$(SECONDS) -timeout=10 -max_len=16384; done

# Everything that must hold beside the tests: format, lints, documentation, packages (cargo 1.90 or newer), licences and advisories.
check:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets $(FEATURES) -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps $(FEATURES)
	$(CARGO) package -p jobportal-domain -p jobportal-application --allow-dirty --offline
	@$(CARGO) deny --version >/dev/null 2>&1 || { echo "cargo-deny is missing: cargo install --locked cargo-deny"; exit 1; }
	$(CARGO) deny check

# Writes the committed description of the API anew, unless that breaks clients and CHANGELOG.md does not say so.
openapi:
	UPDATE_OPENAPI=1 $(CARGO) test -p jobportal-tests $(FEATURES) --test api contract::the_committed

fmt:
	$(CARGO) fmt --all

# Measures hot paths, and the portal over HTTP beside its limits, on PostgreSQL and SQLite; writes BENCHMARKS.md. Takes half an hour;
# SIZES=10000 is quick. tests/bench.sh says what else can be chosen.
bench:
	$(CARGO) bench -p jobportal-bench $(FEATURES) --bench paths -- --warm-up-time 0.5 --measurement-time 1 --noplot
	tests/bench.sh
