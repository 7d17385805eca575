# Two commands: `make board` measures a model and builds the site, `make test` runs the tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
export OMP_WAIT_POLICY := PASSIVE
export HF_HUB_DISABLE_TELEMETRY := 1

.PHONY: board test test-slow budgets bench lint ladder setup setup-test setup-build torch-free wheel \
	rehearsal browser lock clean help

help:
	@echo "make board      measure SmolLM2-135M on this machine, compare with the record, build the site"
	@echo "make test       install what the tests need and run them all"
	@echo "make test-slow  the tests that take long"
	@echo "make budgets    builds of thousands of models, page and import times: quiet machine"
	@echo "make bench      the scorer beside its limit and its peers; coverage and speed of the fits"
	@echo "make rehearsal  the workflows, from a new model's file to its row, on a repository on disk"
	@echo "make ladder     train the ladder again (half an hour on two cores)"
	@echo "make lock       resolve requirements/*.txt again from pyproject.toml"

board: setup
	$(BIN)/leaderboard measure --profile quick --local --again
	$(BIN)/leaderboard build

setup: $(VENV)/measure.stamp
setup-test: $(VENV)/test.stamp

$(VENV)/torch.stamp: requirements/torch.txt
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed") if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade pip
	$(PIP) -r requirements/torch.txt
	touch $@

# --no-deps: the lock is complete, and torch stands outside of it.
$(VENV)/%.stamp: requirements/%.txt requirements/weights.txt pyproject.toml $(VENV)/torch.stamp
	$(PIP) --no-deps --require-hashes -r requirements/$*.txt
	$(PIP) --no-deps --require-hashes -r requirements/weights.txt
	$(if $(filter test,$*),$(PIP) --no-deps --ignore-requires-python --require-hashes -r requirements/reference.txt)
	$(PIP) --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/test.stamp: requirements/reference.txt

# What the build side needs and nothing else: neither torch nor lm-eval.
setup-build: $(VENV)/build.stamp

$(VENV)/build.stamp: requirements/build.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --require-hashes -r requirements/build.txt
	$(PIP) --upgrade "setuptools>=77"
	$(PIP) --no-deps --no-build-isolation --editable .
	touch $@

torch-free: setup-build
	$(BIN)/python -c 'import importlib.util as u, sys; \
		sys.exit([n for n in ("torch", "lm_eval", "transformers") if u.find_spec(n)] or 0)'
	$(BIN)/leaderboard build

# Built once, installed in an environment of its own, and run from there on this repository.
wheel: setup-build
	rm -rf build/wheel build/wheel-env build/lib
	$(PIP) wheel --no-deps --no-build-isolation --wheel-dir build/wheel .
	$(PYTHON) -m venv build/wheel-env
	build/wheel-env/bin/python -m pip --disable-pip-version-check install --quiet \
		--require-hashes -r requirements/build.txt
	build/wheel-env/bin/python -m pip --disable-pip-version-check install --quiet \
		--no-deps build/wheel/*.whl
	cd build && wheel-env/bin/leaderboard check --root ..
	cd build && wheel-env/bin/leaderboard export --root .. --out wheel-export

rehearsal: setup-test
	$(BIN)/python examples/rehearsal/rehearse.py

# Those in the browser run beside the others, of which many wait; these after the others, so that
# both take about as long.
APART := (axe and dark)
test: setup-test browser
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	mkdir -p build
	$(BIN)/python -m pytest -m browser -k "not $(APART)" > build/browser-tests.txt 2>&1 & \
	browser=$$!; \
	$(BIN)/python -m pytest -m "not browser and not slow and not budget"; failed=$$?; \
	$(BIN)/python -m pytest -m browser -k "$(APART)" || failed=$$?; \
	wait $$browser || failed=$$?; cat build/browser-tests.txt; exit $$failed

# A browser that is there, else Debian's (as root), else the one of Playwright.
browser: setup-test
	@command -v chromium || command -v google-chrome || command -v chrome || \
	( test "$$(id -u)" = 0 && command -v apt-get && apt-get update -qq && \
	  apt-get install -y -qq chromium >/dev/null ) || \
	$(BIN)/playwright install chromium || \
	( echo "make test needs a browser: install chromium or google-chrome" >&2; exit 1 )

test-slow: setup-test browser $(VENV)/ray.stamp
	$(BIN)/python -m pytest -m "slow"

# What holds seconds against a limit needs a quiet machine; Lighthouse needs Node.
budgets: setup-test browser
	$(BIN)/python -m pytest -s -m budget

bench: setup-test
	$(BIN)/python examples/bench/bench.py
	$(BIN)/python examples/bench/fits_bench.py

lint: setup-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

ladder: setup
	$(BIN)/python examples/ladder/train.py

lock: setup-test
	$(PIP) pip-tools
	for part in build measure test ray; do \
		case $$part in build) extra=;; measure) extra="--extra measure";; \
		ray) extra="--extra ray --constraint requirements/test.txt";; \
		*) extra="--extra measure --extra dev";; esac; \
		$(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header \
			--no-annotate --no-emit-options --no-emit-index-url --no-emit-find-links \
			--no-emit-trusted-host $$extra --output-file requirements/$$part.txt pyproject.toml && \
		sed -i '/^torch==/,/[^\\]$$/d; /^# The following/d' requirements/$$part.txt; \
	done

clean:
	rm -rf build $(VENV)
