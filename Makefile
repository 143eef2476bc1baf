# The four things one does here. `make demo` and `make test` set up what they need by themselves.
.PHONY: setup demo test check bench lock

setup:
	@tools/setup.sh

demo: setup
	@.venv/bin/mainstay demo

test:
	@tools/setup.sh dev
	@.venv/bin/python -m pytest -n auto --dist loadfile

check:
	@tools/setup.sh dev
	@.venv/bin/ruff format --check src tests
	@.venv/bin/ruff check src tests
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@.venv/bin/python -m pytest tests/architecture

bench: setup
	@.venv/bin/mainstay bench ingest

# Locks hold hashes and no registry address. Needs uv on the PATH: pip install uv
lock:
	uv pip compile -q --generate-hashes --no-annotate --no-header --python-version 3.11 --extra build --extra demo pyproject.toml -o requirements.txt
	uv pip compile -q --generate-hashes --no-annotate --no-header --python-version 3.11 --extra build --extra demo --extra dev pyproject.toml -o requirements-dev.txt
