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
# # The first fine-tuning
#
# You have a list of texts and a list of labels, and want a small model that knows the labels of new texts. This notebook walks
# the path of [`examples/article.py`](../../examples/article.py) slowly: two lists, five epochs with the loop in plain sight, then
# a lighter model, an exported file that runs without PyTorch, and its answers.
#
# It takes about three minutes on one thread, and no network.

# %%
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import transformers

import llamita

root = next(p for p in (Path.cwd(), *Path.cwd().parents) if (p / "examples" / "article.py").is_file())
sys.path.append(str(root / "examples"))
quick = "LLAMITA_QUICK" in os.environ  # the project's tests walk the same path on fewer texts
out = Path(os.environ.get("LLAMITA_OUT", tempfile.mkdtemp()))
transformers.logging.set_verbosity_error()
torch.set_num_threads(1)
_ = torch.manual_seed(0)

# %% [markdown]
# ## Two lists
#
# Any texts will do; put your own in place of these. Ours are made of 12 sentence frames and the words of 4 topics. Eight frames
# make the training texts, *the other four* the test texts.
#
# Why so strict? Were a test sentence a training sentence with one word changed, a model could get it right by remembering the
# sentence. We want to know whether it learned the topics, so nothing but the topics' words may be shared.

# %%
from article import FRAMES, TOPICS, topic_texts

texts, labels = topic_texts(FRAMES[:8], 80 if quick else 800, seed=0)
test_texts, test_labels = topic_texts(FRAMES[8:], 40 if quick else 200, seed=1)
print(len(texts), "training texts,", len(test_texts), "test texts")
pd.DataFrame({"text": texts[:4] + test_texts[:2], "label": labels[:4] + test_labels[:2]})

# %% [markdown]
# A task holds the lists and gives the labels numbers. It also cuts a tenth off the training texts, `select`: for whatever has to
# be chosen later, such as when to stop, so that the test texts are never used for choosing.

# %%
task = llamita.Classify.from_lists(texts, labels, test=(test_texts, test_labels), names=sorted(TOPICS))
print(task.labels)
task.describe()["sizes"]

# %% [markdown]
# ## A model
#
# `config:bart:2m` is a BART of two million random weights: it knows nothing, but is there without a download. With a network put
# `facebook/bart-large-mnli` or another Hub id in its place, without one a folder: nothing below changes but the learning rate.
#
# `fit_head` puts a layer on top that gives one number, a logit, for each label.

# %%
model = task.fit_head(llamita.load("config:bart:300k" if quick else "config:bart:2m"))
print(type(model.module).__name__, f"{model.num_parameters:,} weights")

# %% [markdown]
# What goes in are numbers of tokens, pieces of words. Texts of a batch are filled up to the longest, and the mask says which
# tokens are real.

# %%
pair = model.tokenizer(["A goal!", "The bread was better."], padding=True, return_tensors="pt")
print([model.tokenizer.decode([i]) for i in pair["input_ids"][1]])
print(pair["attention_mask"].tolist())

# %% [markdown]
# ## What is to become small
#
# The loss of a text is $-\ln P(\text{its label})$: 0 when the model was certain and right, large when it was certain and wrong.
# A model that knows nothing gives each of 4 labels a quarter, so it should start near $\ln 4 = 1.386$ and near 25 %. If yours
# starts elsewhere, something is wrong before training begins: look there first.


# %%
def accuracy(split):
    return float((model.scores(split.texts).argmax(axis=1) == np.asarray(split.labels)).mean())


before = model.scores(task.test.texts)
loss = -np.log(before[np.arange(len(before)), task.test.labels]).mean()
print(f"loss {loss:.3f}, accuracy {accuracy(task.test):.3f}, n = {len(task.test)}")

# %% [markdown]
# ## Five epochs
#
# An epoch is one pass over the training texts. In each step 16 of them go through the model; `backward` finds for each weight
# in which direction the loss grows, and the optimizer moves all weights a little the other way. How little is the learning rate:
# 1e-3 suits random weights; *a pretrained model wants about 2e-5*, or it forgets what it knew.

# %%
epochs, batch_size, learning_rate = (1 if quick else 5), 16, 1e-3
optimizer = torch.optim.AdamW(model.module.parameters(), lr=learning_rate, weight_decay=0.01)
gold = torch.as_tensor(task.train.labels)

for epoch in range(1, epochs + 1):
    model.module.train()  # dropout on
    losses = []
    for batch in torch.randperm(len(task.train)).split(batch_size):
        ids = model.tokenizer([task.train.texts[i] for i in batch], padding=True, truncation=True, return_tensors="pt")
        inputs = model.inputs(ids["input_ids"].numpy(), ids["attention_mask"].numpy())
        loss = torch.nn.functional.cross_entropy(model.module(**inputs).logits, gold[batch])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.module.parameters(), 1.0)  # one odd batch can't throw it off
        optimizer.step()
        losses.append(loss.item())
    model.module.eval()  # dropout off
    print(f"Epoch {epoch}/{epochs}  Train loss {np.mean(losses):.4f}  Test acc {accuracy(task.test):.4f}")

# %% [markdown]
# Read the two columns together. While both get better, it learns. When the loss goes on falling and the accuracy doesn't, it
# learns the training texts by heart, and more epochs are in vain: here 199 of 200 are right after the first one already, since
# topics given away by single words are easy, and the other four only make it surer. Real texts take longer. (Printing the test
# accuracy each epoch is for looking. Were you to *stop* at the best one, you would have chosen on the test texts, and should
# judge by others.)
#
# The whole cell is one step in llamita, `learn.finetune`, with warm-up, batches of like length, checkpoints that survive a kill,
# early stopping on `select`, and LoRA:
#
# ```sh
# llamita finetune MODEL --data train.csv --epochs 5 --out DIR
# ```
#
# ## Keep it
#
# What is saved is a stock Hugging Face folder. Transformers alone opens it and gives the same logits.

# %%
model.save(out / "model")
stock = transformers.AutoModelForSequenceClassification.from_pretrained(out / "model").eval()
with torch.inference_mode():
    ids = model.tokenizer(test_texts[:4], padding=True, return_tensors="pt")
    theirs = stock(input_ids=ids["input_ids"], attention_mask=ids["attention_mask"]).logits.numpy()
print("largest difference", np.abs(theirs - model.text_logits(test_texts[:4])).max())
print(sorted(file.name for file in (out / "model").iterdir()))

# %% [markdown]
# ## Make it light
#
# In a small model most weights are the table of tokens, 8,192 rows here, of which our texts use a few hundred. `prune.vocabulary`
# keeps those that are used and the most frequent others, 4,000 in all; a text with a rare word is then cut into smaller pieces,
# never refused. One more epoch lets the rest settle, and `export.onnx` writes a file in int8, one byte a weight.
#
# A recipe says this as plain data, and `execute` carries it out; the same call goes on where it was stopped.

# %%
recipe = {
    "model": str(out / "model"),
    "task": {"classify": {"train": (texts, labels), "test": (test_texts, test_labels), "labels": sorted(TOPICS)}},
    "steps": [{"prune.vocabulary": {"keep": 4000}}, {"learn.finetune": {"epochs": 1, "learning_rate": 5e-4}}],
    "measures": ["measure.quality"],
    "exporters": ["export.onnx"],
}
report = llamita.execute(llamita.Recipe.from_dict(recipe, "this notebook"), out / "light-topics", threads=1)

light_folder = out / "light-topics" / "light" / "onnx"
rows = []
for subject in report.subjects:
    found = subject.finding("quality.accuracy")
    rows.append((subject.name, found.value, found.interval, found.n))
print(
    f"saved model {model.size_bytes / 1e6:.1f} MB, exported folder {llamita.load(light_folder).size_bytes / 1e6:.1f} MB"
)
pd.DataFrame(rows, columns=["model", "accuracy", "95 % interval", "n"])

# %% [markdown]
# The first row is the lightened model in PyTorch, the second its exported file: cutting and one more epoch cost two answers of 200,
# int8 none. The interval says how far an accuracy might be off because only these 200 texts were asked; two models whose
# intervals overlap as widely as .985 and .995 here are not told apart by them.
#
# ## Use it
#
# The folder runs with onnxruntime, tokenizers and numpy; PyTorch isn't needed any more.

# %%
light = llamita.load(light_folder)
new = ["The bread was better than the soup.", "A penalty decided the match.", "Please close the window."]
for text, answer in zip(new, light.classify(new), strict=True):
    print(f"{text:38}{answer.label:10}{answer.confidence:.3f}")

# %% [markdown]
# The last text belongs to no topic, and the model names one all the same: it must choose among what it was taught. What a
# probability is worth, and how to make it honest: [from logits to probabilities](from_logits_to_probabilities.ipynb).
#
# On your own texts the whole path is one command, which also draws up the page with the baselines:
# `llamita lighten MODEL --data reviews.csv`; see [your first light model](first_light_model.ipynb).
