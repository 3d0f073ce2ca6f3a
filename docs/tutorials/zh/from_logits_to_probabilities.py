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
# # 从 logit 到概率
#
# 本项目里所有分类器的最后一步都是同一个公式。对文本 $x$ 和标签 $y$，先有一个数 $f(x, y)$，然后
#
# $$P(y \mid x) = \frac{\exp f(x, y)}{\sum_{y'} \exp f(x, y')}$$
#
# 不同的只是 $f$ 从哪里来：经过微调的分类头由文本向量算出 $f$；没有为任务训练过的语言模型，则取标签词语的对数概率作为 $f$。本教程先把两种 $f$ 都手算一遍，再与 llamita 的结果逐一对照；然后追问：说「有 90 % 的把握」时，十次里真能对九次吗？如果不能，用一个数就能校准。
#
# 单线程约需五分钟，不联网。

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
# ## softmax 只有三行
#
# logit 可以是任意实数，概率却必须为正且总和为 1。`exp` 保证前者，除以总和保证后者。


# %%
def softmax(f):
    powers = np.exp(f - f.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


f = np.array([2.0, -1.0])
pd.DataFrame(
    {"f": f, "exp f": np.exp(f), "P": softmax(f), "P of f + 100": softmax(f + 100), "P of f / 3": softmax(f / 3)}
).round(4)

# %% [markdown]
# 记住三点：
#
# - *只有差值起作用。* 两个 logit 都加 100，结果不变。所以可以先减去最大值再取 `exp`，也应该这样做：`exp(1000)` 会溢出。
# - *差值就是对数几率。* $\ln(0.9526 / 0.0474) = 3 = 2 - (-1)$。单独一个 logit 没有意义。
# - *尺度决定把握的大小。* 除以 3，标签的先后次序不变，概率却从 95 % 降到 73 %。这个除数就是「温度」，后面还会用到。
#
# ## 有分类头：f 是学出来的
#
# MiniLM 把句子变成一个 384 维的向量 $h$。分类头为每个标签准备一行权重和一个偏置：$f(x, y) = w_y \cdot h + b_y$。我们用 300 句影评微调分类头和 MiniLM 的上半部分（`freeze=0.5` 让下半部分保持不变，以节省时间），另留 300 句（`select`）：凡是不该由训练文本决定的，都由它来决定。

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
# 现在手算最后一层。用钩子截下进入这一层的向量，剩下的只是一次矩阵乘法，再加上我们自己的 softmax。

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
# 第三句话既没说好也没说坏，分类头却照样给出明确的答案。softmax 没有「不知道」这个选项：无论什么文本，它都要把 100 % 分完。这样的概率能不能信，留到最后一部分回答。
#
# ## 没有分类头：f 是对数概率
#
# SmolLM2 只学过预测下一个词元，没见过影评标签。那就让它续写：
#
#     Review:
#     A warm, funny and moving film.
#     This film is …
#
# 比较它认为 *wonderful* 和 *a waste of time* 各有多大可能。前者只有一个词元，后者有四个，这一点很快会显出影响。

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
# 某个位置上的 logit 预测的是*下一个*词元，所以代码里要减 1。前后相接的词元，概率相乘，取对数便是相加：标签的 $f$ 就是各词元对数概率之和。
#
# 请看 *of*：*a waste* 已经写出来之后，它几乎自然跟上（0.93），几乎不扣分。一个短语的意外程度集中在一两个词元上，其余的只是顺带。
#
# ## 同样的词元，三种读法
#
# 1. **求和。** 即这串词语本身的概率。每多一个词元，概率只会更低，所以短标签占便宜。
# 2. **按词元平均**（长度归一化）。总和除以词元数。这又偏袒长标签：像 *of* 这样顺理成章的词元会把平均值拉高。
# 3. **减去先验。** 如果什么文本都*不*给，模型会怎么回答？无论如何都会说的话，不能算证据。我们用三段没有内容的文本去问，取平均概率的对数，从 $f$ 中减去（[Zhao 等，2021](https://arxiv.org/abs/2102.09690)）。

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
# ## 用 `llamita.ask` 得到同样的数
#
# 它默认执行第 2、3 两步，而且一次前向计算就得到全部标签：各标签的词语并排放在文本之后，每个标签只看得见文本和它自己。结果与手算一致。

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
# 三段文本证明不了什么。下面用 48 句测试影评看看，哪种读法其实什么也没看见：

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
# 第一种读法一律回答 *positive*，第二种一律回答 *negative*，都不比抛硬币强。减去先验之后，模型才真正开始看文本。n = 48 时置信区间很宽，只够区分「视而不见」与「看见了」，更细的比较就不行了。
#
# ## 90 % 的把握，十次能对九次吗？
#
# 回到分类头。答案的概率称为置信度。把测试句子按置信度分箱，比较每一箱的平均置信度与准确率。**ECE**（期望校准误差）是各箱差距按文本数加权的平均。

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
# 分类头说得比做到的多：训练文本它看了六遍，已经答对之后还在继续放大 logit。
#
# **一个数就能校准。** 把所有 logit 除以温度 $T$：标签的次序不变，准确率也就不变。$T$ 取使 `select` 的标签最不令人意外的值，也就是使 $-\ln P(\text{标签})$ 的平均值最小。不要在训练文本上求 $T$，模型在那里几乎全对，学不到东西；更不要在测试文本上求，它们是用来评判的。

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
# ECE 最小能到多少？不是零。假设有一个*完美*校准的分类器，在 n 条文本上，各箱仍会因偶然而有偏差，正如抛十次硬币很少恰好五次正面。于是我们让每个答案恰好以它声称的概率为对，重复抽样多次，看 ECE 是多少：这就是下限。

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
# 看 ECE 时一定要同时看它的下限：落在这个范围之内，就说明凭这么多文本已经看不出还有什么可校准的了。
#
# ## llamita 的做法
#
# `learn.calibrate` 这一步在 `select` 上求出 $T$，再把最后一层的权重和偏置都除以 $T$。因此保存的目录以及由它导出的所有文件，用标准代码加载就能给出校准后的概率，不必另外记着 $T$。
# `measure.calibration` 则给出 ECE 及其下限。

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
# 显示的各位数字都一致；我们是在 400 个温度的网格上找的，llamita 则直接求出最优值。
#
# 对应的命令：
#
# ```sh
# llamita calibrate MODEL --data train.csv --out DIR            # 温度；--method vector：每个标签各有缩放与平移
# llamita measure calibration DIR --data test.csv
# llamita predict smollm2 "a text" --labels positive=wonderful,negative="a waste of time" --calibrate labelled.csv
# ```
#
# 直接提问的语言模型，每个标签各用一组缩放与平移，因为它的先验是一种平移，温度改变不了。怎样提问、怎样加示例、怎样写更长的提示，见[不经训练做分类](../../zh/zero-shot.md)；凭概率可以作出什么保证，见[覆盖 90 % 的标签集合](../../zh/predict.md)。
