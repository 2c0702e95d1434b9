# The two commands a new user needs: make demo, make test.
PYTHON ?= python3
RUN := .venv/bin/python

.PHONY: demo test lint sample screenshots clean

demo: .venv/ready
	$(RUN) -m Testing.demo $(if $(REAL),--real "$(REAL)" --trusted "$(TRUSTED)")

test: .venv/ready
	$(RUN) -m pytest

lint: .venv/ready
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

# The pictures that README and tutorial show.
screenshots: .venv/ready
	$(RUN) -m Testing.bench.screenshots

# The bundled sample heart, made anew from the cohort's generator.
sample: .venv/ready
	$(RUN) -m Training sample

.venv/ready: pyproject.toml
	$(PYTHON) -m venv .venv
	$(RUN) -m pip install --quiet --editable ".[test]"
	touch .venv/ready

clean:
	rm -rf .venv demo
