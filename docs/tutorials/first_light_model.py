# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Your first light model
#
# A large language model, a CSV of labelled texts, and a quarter of an hour: this notebook walks the path of
# `llamita lighten` in Python. It uses SmolLM2-135M as the teacher and film reviews as the texts.

# %%
import os
from pathlib import Path

import llamita

root = next(p for p in (Path.cwd(), *Path.cwd().parents) if (p / "examples" / "data").is_dir())
data = root / "examples" / "data"
quick = "LLAMITA_QUICK" in os.environ  # the project's tests walk the same path with a tiny random teacher

# %% [markdown]
# ## What is in the data?
#
# A task reads the file, guesses the columns, and cuts off a `select` split from the training texts. Choices are made
# on `select`; the test split is touched once, at the end.

# %%
from llamita.data.read import read_table

rows = 200 if quick else 2000
table = read_table(data / "sst2_train.csv")
texts, labels = table.texts[:rows], table.labels[:rows]
held = read_table(data / "sst2_validation.csv")
held_texts, held_labels = held.texts[: 60 if quick else 872], held.labels[: 60 if quick else 872]
task = llamita.Classify.from_lists(texts, labels, test=(held_texts, held_labels))
task.describe()["sizes"]

# %% [markdown]
# ## Lighten
#
# One call: fine-tune the teacher, try students of several shapes, distil the best one within the goals, export it and
# check it in its own runtime. The same call in the same folder goes on where it stopped. We take 2,000 texts and six
# minutes here, so the teacher is not at its best; the command line's `llamita demo` takes them all.

# %%
import tempfile

out = Path(os.environ.get("LLAMITA_OUT", tempfile.mkdtemp())) / "light-films"
report = llamita.lighten(
    "config:bert:300k" if quick else "smollm2",
    data=(texts, labels),
    test=(held_texts, held_labels),
    keep=0.95,
    max_size=12_000_000,
    minutes=0.2 if quick else 6,
    students=[] if quick else None,
    out=out,
)

# %%
report

# %% [markdown]
# ## Use it
#
# The folder `light/onnx` runs with onnxruntime, tokenizers and numpy alone; `llamita.load` opens it without torch.

# %%
light = llamita.load(out)
answers = light.scores(["A warm, funny and moving film.", "Two hours I will never get back."])
[dict(zip(light.labels, (round(float(p), 3) for p in row), strict=True)) for row in answers]

# %% [markdown]
# ## Why did it say so?

# %%
from llamita.explain.occlusion import occlude

words, scores = occlude("A warm, funny and moving film.", light)
list(zip(words, (round(float(s), 2) for s in scores), strict=True))

# %% [markdown]
# The whole story, with the examples lost and won, stands in `report.html` in the run's folder.
