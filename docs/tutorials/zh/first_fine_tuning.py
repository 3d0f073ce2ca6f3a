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
# # 第一次微调
#
# 你有一列文本和一列标签，想要一个能给新文本打标签的小模型。本教程把 [`examples/article.py`](../../../examples/article.py) 的过程放慢了走一遍：两个列表、五个训练周期（训练循环全部写在眼前），然后把模型变轻，导出成不依赖 PyTorch 的文件，最后看它的回答。
#
# 单线程约需三分钟，不联网。

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
# ## 两个列表
#
# 什么文本都可以，把这里的换成你自己的即可。示例文本由 12 个句式和 4 个主题的词语拼成：八个句式用于训练，*另外四个*用于测试。
#
# 为什么分得这么严？如果测试句只是换了一个词的训练句，模型记住句子就能答对。我们想知道的是它有没有学会主题，所以训练与测试之间，除了主题词之外什么都不能共有。

# %%
from article import FRAMES, TOPICS, topic_texts

texts, labels = topic_texts(FRAMES[:8], 80 if quick else 800, seed=0)
test_texts, test_labels = topic_texts(FRAMES[8:], 40 if quick else 200, seed=1)
print(len(texts), "training texts,", len(test_texts), "test texts")
pd.DataFrame({"text": texts[:4] + test_texts[:2], "label": labels[:4] + test_labels[:2]})

# %% [markdown]
# 任务对象保存这两个列表，并给标签编号。它还从训练文本中留出十分之一作为 `select`：凡是之后需要选择的（例如何时停止训练），都在它上面选，测试文本绝不参与选择。

# %%
task = llamita.Classify.from_lists(texts, labels, test=(test_texts, test_labels), names=sorted(TOPICS))
print(task.labels)
task.describe()["sizes"]

# %% [markdown]
# ## 模型
#
# `config:bart:2m` 是一个权重随机、约两百万参数的 BART：它什么都不会，但无需下载。能联网时，换成 `facebook/bart-large-mnli` 或别的 Hub 名称；不能联网时，换成本地目录。除学习率之外，下面的代码都不用改。
#
# `fit_head` 在模型顶部加一层，为每个标签给出一个数，即 logit。

# %%
model = task.fit_head(llamita.load("config:bart:300k" if quick else "config:bart:2m"))
print(type(model.module).__name__, f"{model.num_parameters:,} weights")

# %% [markdown]
# 送进模型的是词元（词的片段）的编号。同一批文本补齐到最长的一条，掩码指明哪些词元是真的。

# %%
pair = model.tokenizer(["A goal!", "The bread was better."], padding=True, return_tensors="pt")
print([model.tokenizer.decode([i]) for i in pair["input_ids"][1]])
print(pair["attention_mask"].tolist())

# %% [markdown]
# ## 要变小的是什么
#
# 一条文本的损失是 $-\ln P(\text{正确标签})$：有把握且答对时为 0，有把握却答错时很大。什么都不会的模型给 4 个标签各四分之一，因此起点应在 $\ln 4 = 1.386$ 附近，准确率应在 25 % 附近。如果不是这样，那么训练还没开始就已经出了问题，先去查它。


# %%
def accuracy(split):
    return float((model.scores(split.texts).argmax(axis=1) == np.asarray(split.labels)).mean())


before = model.scores(task.test.texts)
loss = -np.log(before[np.arange(len(before)), task.test.labels]).mean()
print(f"loss {loss:.3f}, accuracy {accuracy(task.test):.3f}, n = {len(task.test)}")

# %% [markdown]
# ## 五个训练周期
#
# 把训练文本全部过一遍，称为一个周期（epoch）。每一步取 16 条文本送入模型；`backward` 求出每个权重朝哪个方向变化会使损失变大，优化器就让所有权重朝相反方向移动一点点。这「一点点」由学习率决定：随机权重适合 1e-3；*预训练模型要用 2e-5 左右*，否则会把学过的东西忘掉。

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
# 两列数字要对照着看。两者都在变好，说明模型在学习；损失继续下降而准确率不再上升，说明它开始背诵训练文本，再多的周期也没有用：这里第一个周期之后 200 条就已答对 199 条，因为凭单个词就能认出的主题很容易，后四个周期只是让它更有把握。真实文本需要更久。（每个周期打印测试准确率，只是为了观察。如果据此停在最好的一个周期，就等于用测试文本做了选择，必须换别的文本来评判。）
#
# 上面一整格代码在 llamita 中就是 `learn.finetune` 这一步，另外还有学习率预热、长度相近的文本成批、被强行终止后可续的检查点、依据 `select` 的早停，以及 LoRA：
#
# ```sh
# llamita finetune MODEL --data train.csv --epochs 5 --out DIR
# ```
#
# ## 保存
#
# 保存下来的是标准的 Hugging Face 目录，只用 Transformers 就能打开，logit 完全相同。

# %%
model.save(out / "model")
stock = transformers.AutoModelForSequenceClassification.from_pretrained(out / "model").eval()
with torch.inference_mode():
    ids = model.tokenizer(test_texts[:4], padding=True, return_tensors="pt")
    theirs = stock(input_ids=ids["input_ids"], attention_mask=ids["attention_mask"]).logits.numpy()
print("largest difference", np.abs(theirs - model.text_logits(test_texts[:4])).max())
print(sorted(file.name for file in (out / "model").iterdir()))

# %% [markdown]
# ## 变轻
#
# 小模型的权重大多在词元嵌入表里：这里有 8,192 行，而我们的文本只用到几百行。`prune.vocabulary` 保留用到的词元和其余最常用的词元，共 4,000 个；遇到生僻词，会切成更小的片段，不会拒绝。剪枝之后再训练一个周期，让其余权重适应；`export.onnx` 则写出 int8 量化的文件，每个权重一个字节。
#
# 配方用纯数据写明这些步骤，`execute` 负责执行；中途停下，再次调用即可接着做。

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
# 第一行是变轻之后的 PyTorch 模型，第二行是导出的文件：剪枝加一个周期的训练使 200 条里少答对两条，int8 量化没有损失。置信区间说明：只问了这 200 条文本，准确率可能偏离多少。两个区间若像这里的 0.985 与 0.995 那样大部分重叠，就不能凭它们分出高下。
#
# ## 使用
#
# 这个目录只需要 onnxruntime、tokenizers 和 numpy，不再需要 PyTorch。

# %%
light = llamita.load(light_folder)
new = ["The bread was better than the soup.", "A penalty decided the match.", "Please close the window."]
for text, answer in zip(new, light.classify(new), strict=True):
    print(f"{text:38}{answer.label:10}{answer.confidence:.3f}")

# %% [markdown]
# 最后一句不属于任何主题，模型却照样选了一个：它只能在学过的标签里挑。概率究竟值多少、怎样校准，见[从 logit 到概率](from_logits_to_probabilities.ipynb)。
#
# 对自己的文本，整个过程只是一条命令，还会生成与各基线对照的报告：`llamita lighten MODEL --data reviews.csv`，见[第一个轻量模型](../first_light_model.ipynb)（英文）。
