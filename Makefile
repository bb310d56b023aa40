# What Is a GRU?   make book · make test · make frameworks · make lab · make outputs · make browser · make bench · make links
#
# PYTHON=/path/to/python3.12   the Python to build the environments with (3.11 to 3.13)
# TORCH=cpu                    PyTorch's CPU build from its own index (small; on Linux the default brings
#                              CUDA); holds until TORCH=default is given
# NB="notebooks/.../x.ipynb"   the notebooks that make outputs runs (default: all)
# REPO=owner/name              where make links says that the book lives
# JOBS=2                       how many tests run side by side (default: one a core)

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
    $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
    && echo $$p && exit; done; echo python3)
TORCH ?=
VERSIONS ?= pinned
JOBS ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
NB ?=
BIN := .venv/bin
FRAMEWORKS_BIN := .venv-frameworks/bin

# Two spinning threads on a busy core are slower than one; the checkers draw the same cases each run.
export OMP_NUM_THREADS := 1
export GRU_CHECK_SEED := 0
export PYDEVD_DISABLE_FILE_VALIDATION := 1

.PHONY: env book test frameworks lab outputs browser bench links
.DEFAULT_GOAL := book

SET_UP = { command -v $(PYTHON) >/dev/null \
    || { echo "what-is-a-gru: there is no '$(PYTHON)'; install Python 3.11 to 3.13" >&2; exit 1; }; } \
    && $(PYTHON) tools/environment.py $(if $(TORCH),--torch $(TORCH)) --versions $(VERSIONS)
NBVAL = --nbval --nbval-current-env --nbval-sanitize-with tools/nbval-$(VERSIONS).cfg \
    --nbval-cell-timeout 180

env:
	@$(SET_UP)

book: env
	@rm -rf _build/html  # a page that left the contents must not stay
	@$(BIN)/jupyter-book build . --all -W -n --keep-going -q >/dev/null
	@echo "The book is built. Open $(CURDIR)/_build/html/index.html"

test: env
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile -q $(NBVAL)

# conftest.py: each environment runs its own notebooks
frameworks:
	@$(SET_UP) --environment frameworks
	@$(FRAMEWORKS_BIN)/python -m pytest -n $(JOBS) --dist loadfile -q $(NBVAL) \
	    notebooks tests/test_claims.py

# Where there is a .venv-frameworks, JupyterLab offers it as a second kernel.
lab: env
	@test ! -x $(FRAMEWORKS_BIN)/python || $(FRAMEWORKS_BIN)/python -m ipykernel install \
	    --prefix .venv --name frameworks --display-name "Python 3 (frameworks)" >/dev/null
	@env -u GRU_CHECK_SEED $(BIN)/jupyter lab notebooks

outputs: env
	@$(BIN)/python -m tools.notebooks $(NB)

browser: book
	@$(BIN)/python -m pytest -n $(JOBS) -q -rs tests/browser  # one browser a worker

bench: env
	@$(BIN)/python -m benchmarks

links: env
	@$(BIN)/python -m tools.links $(REPO)
