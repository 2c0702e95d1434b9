# The two commands a new user needs: make demo, make test.
PYTHON ?= python3
RUN := .venv/bin/python

.PHONY: demo test lint reproduce sample screenshots clean

demo: .venv/ready
	$(RUN) -m Testing.demo $(if $(REAL),--real "$(REAL)" --trusted "$(TRUSTED)")

test: .venv/ready
	OMP_NUM_THREADS=1 $(RUN) -m pytest --numprocesses 2 --dist loadfile

lint: .venv/ready
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

# From nothing to weights: minutes as it stands; PRESET=cpu REAL=folder makes such weights as ship.
PRESET ?= tiny
reproduce: .venv/ready
	$(RUN) -m Training all --preset $(PRESET) --phases 1 2 4 --out runs/$(PRESET) $(if $(REAL),--real "$(REAL)")

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
