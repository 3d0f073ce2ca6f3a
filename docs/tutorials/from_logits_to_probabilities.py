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
# # From logits to probabilities
#
# Every classifier in this project ends in the same line. For a text $x$ and a label $y$ there is a number $f(x, y)$, and
#
# $$P(y \mid x) = \frac{\exp f(x, y)}{\sum_{y'} \exp f(x, y')}$$
#
# Only $f$ differs: a trained head computes it from the text's vector, a language model that was never trained on the task
# takes the log-probability of the label's words. Here you compute both by hand, see that llamita gives the same numbers, and
# then ask whether a probability of 90 % is right nine times in ten, and mend it with one number where it isn't.
#
# It takes about five minutes on one thread, and no network.

# %%
import os
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import transformers

import llamita
from llamita.data.read import read_table

root = next(p for p in (Path.cwd(), *Path.cwd().parents) if (p / "examples" / "data").is_dir())
data = root / "examples" / "data"
quick = "LLAMITA_QUICK" in os.environ  # the project's tests walk the same path with tiny random models
transformers.logging.set_verbosity_error()
_ = torch.manual_seed(0)

# %% [markdown]
# ## Softmax in three lines
#
# Logits may be any numbers; probabilities are positive and sum to one. `exp` does the first, dividing by the sum the second.


# %%
def softmax(f):
    powers = np.exp(f - f.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


f = np.array([2.0, -1.0])
pd.DataFrame(
    {"f": f, "exp f": np.exp(f), "P": softmax(f), "P of f + 100": softmax(f + 100), "P of f / 3": softmax(f / 3)}
).round(4)

# %% [markdown]
# Three things to remember:
#
# - *Only differences count.* Adding 100 to both changes nothing, which is why one may take off the largest before `exp`, and
#   should: `exp(1000)` overflows.
# - *The difference is the log-odds.* $\ln(0.9526 / 0.0474) = 3 = 2 - (-1)$. A logit by itself says nothing.
# - *The scale is the sureness.* Divided by 3, the same order of labels comes with 73 % in place of 95 %. That divisor is the
#   temperature, and we come back to it.
#
# ## A head: f is learned
#
# MiniLM turns a sentence into a vector $h$ of 384 numbers. A head is one row of weights and a bias for each label,
# $f(x, y) = w_y \cdot h + b_y$. We fine-tune the head and the upper half of MiniLM on 300 film sentences (`freeze=0.5` leaves the
# lower half as it is, which saves time), and keep 300 others (`select`) for what must not be decided on training texts.

# %%
from llamita.core.context import Run
from llamita.learn.finetune import Finetune

table, held = read_table(data / "sst2_train.csv"), read_table(data / "sst2_validation.csv")
rows, held_rows = (60, 40) if quick else (600, 872)
task = llamita.Classify.from_lists(
    table.texts[:rows],
    table.labels[:rows],
    test=(held.texts[:held_rows], held.labels[:held_rows]),
    select=0.5,
)
out = Path(os.environ.get("LLAMITA_OUT", tempfile.mkdtemp()))
run = Run(folder=out / "head", task=task, threads=1)
run.folder.mkdir(parents=True, exist_ok=True)

torch.set_num_threads(1)
model = llamita.load("config:bert:300k" if quick else "minilm")
model = Finetune(epochs=1 if quick else 6, freeze=0.5).apply(model, run)
task.describe()["sizes"]

# %% [markdown]
# Now the last map by hand. A hook catches the vector that enters it; the rest is one matrix product and our softmax.

# %%
from llamita.core.architecture import head_linear

texts = ["A warm, funny and moving film.", "Two hours I will never get back.", "It is a film about a dog."]
head, caught = head_linear(model.module), []
hook = head.register_forward_pre_hook(lambda module, inputs: caught.append(inputs[0].detach()))
theirs = np.concatenate([model.scores([text]) for text in texts])
hook.remove()

h = torch.cat(caught).numpy()
W, b = head.weight.detach().numpy(), head.bias.detach().numpy()
by_hand = h @ W.T + b
assert np.allclose(softmax(by_hand), theirs, atol=1e-4)

print("h", h.shape, " W", W.shape, " b", b.shape)
pd.DataFrame(
    {
        **{f"f({name})": by_hand[:, i] for i, name in enumerate(task.labels)},
        **{f"P({name})": softmax(by_hand)[:, i] for i, name in enumerate(task.labels)},
    },
    index=texts,
).round(3)

# %% [markdown]
# The third sentence says nothing good or bad, and look how sure the head is all the same. Softmax has no place for "I don't
# know": it shares out 100 % whatever the text. Whether to believe it is the question of the last part.
#
# ## No head: f is a log-probability
#
# SmolLM2 was trained to say which token comes next, and on no film labels. So we let it finish a sentence:
#
#     Review:
#     A warm, funny and moving film.
#     This film is …
#
# and compare how likely it finds *wonderful* and *a waste of time*. One is one token long, the other four; this will matter.

# %%
if quick:
    language_model = llamita.load("config:llama:300k")
    language_model.module = transformers.AutoModelForCausalLM.from_config(language_model.module.config).eval()
else:
    language_model = llamita.load("smollm2")
tokenizer = language_model.tokenizer
words = {"positive": "wonderful", "negative": "a waste of time"}


def ids_of(*pieces):
    """Each piece by itself, so that a label is the same tokens after every text."""
    return [i for piece in pieces if piece for i in tokenizer(piece, add_special_tokens=False)["input_ids"]]


start = [i for i in tokenizer("a")["input_ids"][:1] if i in tokenizer.all_special_ids]  # where the model has one


def log_probabilities(text, label):
    """The label's tokens with their log-probabilities, each after all that stands before it."""
    question = start + ids_of("Review:\n", text, "\nThis film is")
    answer = ids_of(" " + words[label])
    with torch.inference_mode():
        logits = language_model.module(torch.tensor([question + answer])).logits[0]
    log_p = logits.float().log_softmax(-1)  # the same softmax, over the whole vocabulary
    return [(tokenizer.decode([i]), log_p[len(question) - 1 + k, i].item()) for k, i in enumerate(answer)]


answers = {label: log_probabilities(texts[1], label) for label in words}
pd.DataFrame(
    [(label, token, lp, np.exp(lp)) for label, pairs in answers.items() for token, lp in pairs],
    columns=["label", "token", "log-probability", "probability"],
).round(4)

# %% [markdown]
# The logits at one place predict the token *after* it, hence the `- 1`. Probabilities of tokens that follow one another
# multiply, so their logs add: a label's $f$ is the sum.
#
# Look at *of*: once *a waste* stands there, it follows nearly of itself (0.93), and costs nearly nothing. The surprise of a
# phrase sits in one or two of its tokens; the others come along.
#
# ## Three ways to read the same tokens
#
# 1. **The sum.** The probability of the words, as it is. Each further token can only lower it, so the short label wins.
# 2. **Per token** (length normalisation). The sum over the number of tokens. It is kind to long labels: tokens that nearly
#    follow of themselves, like that *of*, pull the mean up.
# 3. **Less the prior.** What does the model say to *no* text? It would say that anyway, so it is no evidence. We ask with three
#    texts that say nothing, and take the log of the mean off ([Zhao et al. 2021](https://arxiv.org/abs/2102.09690)).

# %%
EMPTY = ["", "N/A", "[MASK]"]
reviews = [*texts[:2], "The plot is thin and the jokes are stale."]
tokens = np.array([len(ids_of(" " + word)) for word in words.values()])
summed = np.array(
    [[sum(lp for _, lp in log_probabilities(text, label)) for label in words] for text in reviews + EMPTY]
)

per_token = summed / tokens
f_sum, f_token = summed[: len(reviews)], per_token[: len(reviews)]
prior = np.log(softmax(per_token[len(reviews) :]).mean(axis=0))
f_less_prior = f_token - prior

print("P after no text, per token:", dict(zip(words, np.exp(prior).round(3).tolist(), strict=True)))
pd.DataFrame(
    {
        "f sum": [" / ".join(f"{v:.2f}" for v in row) for row in f_sum],
        "P(positive), sum": softmax(f_sum)[:, 0],
        "P(positive), per token": softmax(f_token)[:, 0],
        "P(positive), less the prior": softmax(f_less_prior)[:, 0],
    },
    index=reviews,
).round(3)

# %% [markdown]
# ## The same from `llamita.ask`
#
# It does 2 and 3 by default, and all labels in one pass: their words stand behind the text side by side, each seeing the text
# and itself alone. The numbers are ours.

# %%
from llamita.tasks.likelihood import Prompt


def ask(**settings):
    prompt = Prompt(start="", text="Review:\n{text}\nThis film is", answer=" {label}", **settings)
    return llamita.ask(language_model, list(words), words=words, prompt=prompt)


ways = {
    "sum": (ask(per_token=False, prior=False), f_sum),
    "per token": (ask(prior=False), f_token),
    "less the prior": (ask(), f_less_prior),
}
for way, (asked, ours) in ways.items():
    gap = np.abs(asked.scores(reviews) - softmax(ours)).max()
    print(f"{way:15} largest difference to ours {gap:.1e}")
    assert gap < 1e-3

# %% [markdown]
# Three texts prove nothing. Forty-eight test sentences show which way of reading is blind:

# %%
from llamita.core.statistics import wilson_interval

n = 8 if quick else 48
sentences, gold_words = [text.strip() for text in held.texts[:n]], np.array(held.labels[:n])
found = []
for way, (asked, _) in ways.items():
    said = np.array(asked.labels)[asked.scores(sentences).argmax(axis=1)]
    right = int((said == gold_words).sum())
    low, high = wilson_interval(right, n)
    share = f"{(said == 'positive').mean():.0%}"
    found.append((way, f"{right / n:.0%}", f"{low:.0%} to {high:.0%}", share))
pd.DataFrame(found, columns=["f", "accuracy", "95 % interval", "said positive"])

# %% [markdown]
# The first says *positive* to everything, the second *negative* to everything; both are no better than a coin. Only without
# its prior does the model listen to the text. With n = 48 the interval is wide, so this tells a blind reading from a seeing
# one, and nothing finer.
#
# ## Is 90 % right nine times in ten?
#
# Back to the head, and to sureness. Put the test sentences into bins by their confidence, the probability of the answer, and
# compare each bin's mean confidence with its accuracy. **ECE**, the expected calibration error, is the mean gap, each bin
# weighted by its texts.

# %%
BINS = 10


def reliability(probabilities, gold):
    """A row a bin, and the calibration error."""
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == gold
    place = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    filled = [(b, place == b) for b in range(BINS) if (place == b).any()]
    rows = [
        (f"{b / BINS:.0%} to {(b + 1) / BINS:.0%}", int(here.sum()), confidence[here].mean(), right[here].mean())
        for b, here in filled
    ]
    ece = sum(here.mean() * abs(confidence[here].mean() - right[here].mean()) for _, here in filled)
    return pd.DataFrame(rows, columns=["bin", "n", "confidence", "accuracy"]), ece


gold = np.asarray(task.test.labels)
logits = model.text_logits(task.test.texts).astype(np.float64)
before, ece_before = reliability(softmax(logits), gold)
print(f"n = {len(gold)}, accuracy {(logits.argmax(axis=1) == gold).mean():.1%}, ECE {ece_before:.3f}")
before.round(3)

# %% [markdown]
# The head claims more than it keeps: it has seen its training texts six times, and went on growing its logits after it had
# them right.
#
# **One number mends it.** Divide all logits by a temperature $T$: the order of the labels, and so the accuracy, stays as it is.
# $T$ is whatever makes the labels of `select` least surprising, that is, the smallest mean of $-\ln P(\text{label})$. Never fit
# it on the training texts, where the head is nearly always right and there is nothing to learn from; and never on the test
# texts, which are to judge.

# %%
select_logits = model.text_logits(task.select.texts).astype(np.float64)
select_gold = np.asarray(task.select.labels)


def surprise(temperature):
    p = softmax(select_logits / temperature)
    return -np.log(p[np.arange(len(select_gold)), select_gold]).mean()


candidates = np.geomspace(0.25, 16, 400)
T = min(candidates, key=surprise)
print(f"T = {T:.2f}; surprise on select (n = {len(select_gold)}) from {surprise(1):.3f} to {surprise(T):.3f} nats")
after, ece_after = reliability(softmax(logits / T), gold)
print(f"ECE on test from {ece_before:.3f} to {ece_after:.3f}")
after.round(3)

# %% [markdown]
# How small can it be? Not zero. Suppose a classifier were *perfectly* calibrated; on n texts its bins would still miss by
# chance, as 10 throws of a fair coin rarely give 5. So draw every answer right with exactly the probability it claims, many
# times, and look at the ECE: that is the floor.

# %%
confidence = softmax(logits / T).max(axis=1)
place = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
draw = np.random.default_rng(0)


def chance_ece():
    right = draw.random(len(confidence)) < confidence
    return sum(abs((confidence - right)[place == b].sum()) for b in range(BINS)) / len(confidence)


floors = np.array([chance_ece() for _ in range(1000)])
low, high = np.quantile(floors, [0.025, 0.975])
print(f"ECE {ece_after:.3f}; a perfect one shows {floors.mean():.3f}, 95 % of the time {low:.3f} to {high:.3f}")

# %% [markdown]
# Read an ECE only beside its floor: within that range there is nothing left to mend that this many texts could show.
#
# ## The same from llamita
#
# The step `learn.calibrate` fits $T$ on `select` and divides the last map's weights and bias by it. So the saved folder, and
# every export of it, gives calibrated probabilities in stock code, and nobody has to carry $T$ about.
# The measure `measure.calibration` gives ECE and floor.

# %%
from llamita.learn.calibrate import Calibrate
from llamita.measure.calibration import calibration_findings

calibrated = Calibrate().apply(model, run)
scores = calibrated.scores(task.test.texts)
finding = calibration_findings(scores, gold, bins=BINS)[0]
print(f"largest difference to ours {np.abs(scores - softmax(logits / T)).max():.4f}")
print(f"ECE {finding.value:.3f}, floor {finding.detail['floor']:.3f}, n = {finding.n}")
assert np.array_equal(scores.argmax(axis=1), logits.argmax(axis=1))

# %% [markdown]
# They agree to the digits shown; ours came from a grid of 400 temperatures, llamita solves for the best one.
#
# On the command line:
#
# ```sh
# llamita calibrate MODEL --data train.csv --out DIR            # a temperature; --method vector: a scale and a shift a label
# llamita measure calibration DIR --data test.csv
# llamita predict smollm2 "a text" --labels positive=wonderful,negative="a waste of time" --calibrate labelled.csv
# ```
#
# A language model that is asked gets a scale and a shift for each label, since its prior is a shift that no temperature can
# mend. How it is asked, with examples and longer prompts: [classify without training](../how-to/zero-shot.md). What may be
# promised with a probability: [sets that hold 90 %](../how-to/predict.md).
