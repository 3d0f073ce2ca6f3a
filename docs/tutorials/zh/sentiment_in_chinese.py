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
# # 中文情感分类
#
# 中文不用空格分词，而且许多字读音相同。因此有三件事与英文不同：文本怎样切分，答案怎样解释，笔误是什么样子。本教程用普通列表写出 96 条短评论，先检查数据，再训练两个模型，分别按字和按词解释它们的答案，把同音字混进文本，最后生成一份中文页面。英文版：[Sentiment in Chinese](../sentiment_in_chinese.ipynb)。
#
# 单线程约需两分钟，不联网。

# %%
import os
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import transformers

import llamita

quick = "LLAMITA_QUICK" in os.environ  # the project's tests walk the same path for one epoch
out = Path(os.environ.get("LLAMITA_OUT", tempfile.mkdtemp()))
transformers.logging.set_verbosity_error()
torch.set_num_threads(1)
_ = torch.manual_seed(0)

# %% [markdown]
# ## 文本
#
# 评论涉及酒店、餐饮、网购、图书和电影，正面、负面各半，都是为本教程写的。96 条很少：足以看清每个环节怎样运作，却不足以细致比较两个模型；下面每个数字都用置信区间说明这一点。

# %%
praise = [
    "房间很干净，床也很舒服，下次还住这里。",
    "前台服务热情，办理入住特别快。",
    "酒店位置很好，离地铁站只有两分钟。",
    "早餐种类丰富，味道也不错。",
    "隔音很好，一觉睡到天亮。",
    "窗外就是江景，非常漂亮。",
    "老板人很好，还送了我们水果。",
    "性价比很高，值得推荐。",
    "空调安静，热水也很足。",
    "孩子很喜欢这里的游泳池，玩得很开心。",
    "菜做得很地道，汤尤其鲜。",
    "服务员态度很好，上菜也快。",
    "火锅味道正宗，食材新鲜。",
    "环境安静，适合朋友聚会。",
    "甜品好吃，不会太甜。",
    "分量很足，价格也实惠。",
    "面条劲道，排队也值得。",
    "烤鸭皮脆肉嫩，非常满意。",
    "咖啡很香，店里的音乐也舒服。",
    "第三次来了，一如既往地好吃。",
    "送货很快，包装完好。",
    "手机运行流畅，电池也耐用。",
    "屏幕清晰，拍照效果很好。",
    "衣服面料柔软，穿着很舒服。",
    "鞋子合脚，走一天也不累。",
    "客服耐心，很快帮我换了新的。",
    "耳机音质很好，比想象中好得多。",
    "质量不错，已经推荐给同事。",
    "颜色和图片一样，非常喜欢。",
    "安装简单，用起来很方便。",
    "这本书写得真好，一口气读完了。",
    "故事感人，人物很真实。",
    "翻译流畅，读起来很舒服。",
    "内容实用，讲解清楚，很有收获。",
    "插图精美，孩子爱不释手。",
    "作者文笔优美，值得一读再读。",
    "电影很好看，笑中带泪。",
    "演员演技出色，情节紧凑。",
    "画面漂亮，音乐动听，非常感动。",
    "结局出人意料，非常精彩。",
    "导演很有想法，值得再看一遍。",
    "全家一起看的，大家都很喜欢。",
    "钢笔书写顺滑，送人也体面。",
    "水果很甜，个个新鲜。",
    "牛奶日期新鲜，味道香浓。",
    "台灯光线柔和，眼睛很舒服。",
    "维修师傅很专业，问题很快解决。",
    "课程讲得清楚，老师也很耐心。",
]
complaint = [
    "房间很脏，床单上还有头发。",
    "前台态度冷淡，等了一个小时才入住。",
    "酒店位置偏僻，打车都打不到。",
    "早餐很差，几乎没有能吃的。",
    "隔音太差，整夜都睡不着。",
    "窗户对着墙，又暗又潮。",
    "空调坏了，没有人来修。",
    "价格太贵，完全不值。",
    "热水时有时无，洗澡都洗不好。",
    "卫生间有异味，再也不会来了。",
    "菜又咸又油，吃了几口就放下了。",
    "服务员爱理不理，上菜特别慢。",
    "肉不新鲜，回家就拉肚子。",
    "环境嘈杂，说话都听不清。",
    "蛋糕太腻，奶油像是假的。",
    "分量很少，根本吃不饱。",
    "面条煮烂了，汤也没有味道。",
    "烤鸭又冷又硬，非常失望。",
    "咖啡像水一样淡，浪费钱。",
    "等位两小时，味道却很一般。",
    "快递太慢，包装也破了。",
    "手机经常死机，电池半天就没电。",
    "屏幕有坏点，商家还不承认。",
    "衣服掉色严重，洗一次就不能穿了。",
    "鞋子磨脚，底也开胶了。",
    "客服不理人，退货拖了半个月。",
    "耳机有杂音，戴着也不舒服。",
    "质量很差，用了两天就坏了。",
    "颜色和图片完全不一样，很失望。",
    "说明书看不懂，安装特别麻烦。",
    "这本书枯燥无味，读不下去。",
    "故事拖沓，人物也很假。",
    "翻译生硬，错字连篇。",
    "内容空洞，东拼西凑，浪费时间。",
    "印刷模糊，纸张还有怪味。",
    "作者自说自话，看完一头雾水。",
    "电影很无聊，看到一半就睡着了。",
    "演员演技尴尬，情节混乱。",
    "画面粗糙，音乐吵闹，后悔买票。",
    "结局莫名其妙，太失望了。",
    "导演不知道想说什么，烂片一部。",
    "全家都看不下去，提前离场。",
    "钢笔漏墨，刚买就坏了。",
    "水果烂了一半，还很酸。",
    "牛奶快过期了才发货，太差了。",
    "台灯一直闪，看得眼睛疼。",
    "维修师傅迟到，问题也没解决。",
    "课程太水，老师照着稿子念。",
]
number = 24 if quick else len(praise)
texts = praise[:number] + complaint[:number]
labels = ["正面"] * number + ["负面"] * number
len(texts), texts[0], texts[-1]

# %% [markdown]
# ## 先检查，再训练
#
# 现实中的列表里有重复、有矛盾、有乱码。我们故意放进三行坏数据，看看检查能发现什么。命令行上的 `data check` 对文件做同样的检查，加 `--fix` 还能修复。

# %%
from llamita.core.messages import translated
from llamita.data.check import check
from llamita.data.read import read_table

spoiled = read_table(([*texts, texts[0], "è´¨é‡å¾ˆå·®", ""], [*labels, "负面", "负面", "正面"]))
for found in check(spoiled):
    print(f"{found.severity:8}{found.message}")
    print(f"{'':8}{translated(found.message, 'zh')}")

# %% [markdown]
# 同一句话，一行标正面、一行标负面，模型只能学到犹豫。`è´¨é‡` 是用错误编码读出来的「质量」：没有人会这样写，学它等于学噪声。所以训练时用干净的列表。
#
# 哪些文本用于测试？取四分之一，两种标签各半，而且*现在*就放到一边，在看到任何数字之前。

# %%
test_rows = [i for i in range(len(texts)) if i % 4 == 3]
train_rows = [i for i in range(len(texts)) if i % 4 != 3]
train = [texts[i] for i in train_rows], [labels[i] for i in train_rows]
test = [texts[i] for i in test_rows], [labels[i] for i in test_rows]
task = llamita.Classify.from_lists(*train, test=test, select=0.15, names=["负面", "正面"])
task.describe()["sizes"]

# %% [markdown]
# ## 模型眼中的文本
#
# 没有空格，也就没有现成的词，要等人去切。分词器的词元按它自己的统计来切：可能是一个字、几个字，也可能是生僻字的若干字节。jieba 的词则来自词典。下面的 TF-IDF 直接统计单字、双字和三字串，完全不必分词。

# %%
import jieba

jieba.setLogLevel("WARNING")
encoder_name = os.environ.get("LLAMITA_ENCODER", "config:bert:300k" if quick else "config:bert:2m")
encoder = task.fit_head(llamita.load(encoder_name))
sentence = "服务员态度很好，上菜也快。"
pieces = encoder.tokenizer(sentence)["input_ids"]
print("characters ", " / ".join(sentence))
print("words      ", " / ".join(jieba.cut(sentence)))
print("pieces     ", " / ".join(encoder.tokenizer.decode([i]) for i in pieces))

# %% [markdown]
# ## 两个模型
#
# 先是诚实的基线：TF-IDF 加线性模型，训练只要一秒，是后来者必须超过的对手。然后是一个小型 BERT。为了不下载任何东西，这里的权重是随机的；把 `LLAMITA_ENCODER` 设为某个预训练编码器的目录（例如 multilingual-e5-small），同一格代码微调的就是它。

# %%
from llamita.core.context import Run
from llamita.core.statistics import wilson_interval
from llamita.learn.finetune import Finetune
from llamita.learn.linear import fit_linear

run = Run(folder=out / "chinese", task=task, threads=1)
run.folder.mkdir(parents=True, exist_ok=True)
linear = fit_linear(task)
rate = 1e-3 if encoder_name.startswith("config:") else None  # None: fitted to the model's size
encoder = Finetune(epochs=1 if quick else 8, learning_rate=rate, batch_size=8).apply(encoder, run)


gold = np.asarray(task.test.labels)


def accuracy(engine, texts):
    right = int((engine.scores(texts).argmax(axis=1) == gold).sum())
    low, high = wilson_interval(right, len(gold))
    return f"{right} of {len(gold)}", f"{right / len(gold):.0%}", f"{low:.0%} to {high:.0%}"


models = {"TF-IDF + linear": linear, encoder_name.rsplit("/", 1)[-1]: encoder}
pd.DataFrame(
    [(name, *accuracy(engine, task.test.texts)) for name, engine in models.items()],
    columns=["model", "right", "accuracy", "95 % interval"],
)

# %% [markdown]
# 先看区间：两者只差一条，算不上差别，而且各自都可能偏离 10 到 20 个百分点。随机权重的模型也跟得上，这说明的是文本：测试集以外的 72 条中，36 条正面评论有 20 条含「很」，36 条负面只有 3 条；「不」则是 3 条对 14 条。这么一点线索，几十行就学会了。学不会的，接下来就看到。
#
# ## 哪些字、哪些词起了作用？
#
# 从文本中去掉一部分，看答案的对数几率下降多少：下降得越多，答案就越依赖这一部分。按字看，看到的是模型实际使用的东西；按词看，得到的是读者能够判断的东西。

# %%
from llamita.explain.occlusion import occlude


def explained(text, units):
    parts, drops = occlude(text, linear, units=units)
    return " ".join(f"{part}{drop:+.2f}" for part, drop in zip(parts, drops, strict=True))


for text in ("早餐味道不错，房间干净。", "价格太贵，态度也很差。"):
    answer = linear.classify([text])[0]
    print(f"{text} → {answer.label} {answer.confidence:.0%}")
    print("  characters", explained(text, "characters"))
    print("  words     ", explained(text, "words"))

# %% [markdown]
# 第一个答案是错的，解释说明了原因：「不错」在支持负面。含「不错」的两条评论恰好都分到了测试集，模型只在一条负面评论里见过「错」，「不」也多半见于负面，便把两者相加；按词看，一眼就能看出它误读的正是「不错」这个词。第二个例子里，「很」在反对正确答案：「很」本身不是称赞，只是在我们的文本里，正面评论用得更多。只看准确率，这两点都发现不了。补充含「不错」「很差」的文本可以改正，换一个读过中文的编码器也可以。
#
# 对应的命令：`llamita explain MODEL "早餐味道不错" --units words --language zh`。
#
# ## 按读音打错的字
#
# 中文笔误大多来自拼音输入法：打成了同音字，如「再」打成「在」；形近字则少一些。`attack.noise` 按二比一混入这两类错字，并且不动「不」这样的否定字，因为一动意思就变了。

# %%
from llamita.attack.noise import disturb

for text in task.test.texts[:3]:
    print(text, "→", disturb(text, rate=0.3))

pd.DataFrame(
    [
        (name, *(accuracy(engine, [disturb(t, rate) for t in task.test.texts])[1] for rate in (0.0, 0.1, 0.3)))
        for name, engine in models.items()
    ],
    columns=["model", "clean", "every 10th character", "every 3rd"],
)

# %% [markdown]
# 这些文本，人凭读音大致看得懂。模型却听不见：在它看来，「狠」和「很」毫无关系，而「很好」这样的词元，错一个字就整个没有了。每三个字错一个时，BERT 在 24 条里少答对四条；TF-IDF 把许多单字相加，一条也没少。n = 24 只是线索，不是证明，请在自己的测试文本上测量。办法是用加过噪声的文本一起训练，或者选一个读过足够多网络错别字的编码器。
#
# ## 中文页面
#
# 配方让模型依次经过导出和测量；写上 `language="zh"`，页面、模型卡片和运行时的每一行都是中文。

# %%
from IPython.display import HTML

from llamita.pages.report import html_summary

encoder.save(out / "encoder")
recipe = {
    "model": str(out / "encoder"),
    "task": {"classify": {"train": train, "test": test, "labels": ["负面", "正面"]}},
    "measures": ["measure.quality", "measure.calibration", "attack.noise"],
    "exporters": ["export.onnx"],
}
report = llamita.execute(llamita.Recipe.from_dict(recipe, "this notebook"), out / "light-zh", threads=1, language="zh")
HTML(html_summary(report, language="zh"))

# %%
light = llamita.load(out / "light-zh" / "light" / "onnx")
for text, answer in zip(test[0][:4], light.classify(test[0][:4]), strict=True):
    print(f"{answer.label} {answer.confidence:.0%}  {text}")

# %% [markdown]
# 这四条里答错了两条，其中一条的置信度高达 94 %：导出的文件与模型的回答一致，错误和过度自信也一并保留。怎样校准，见[从 logit 到概率](from_logits_to_probabilities.ipynb)。
#
# 对自己的评论，整个过程只是一条命令，教师模型用预训练的：
#
# ```sh
# llamita data check reviews.csv --language zh
# llamita lighten e5-folder --data reviews.csv --max-size 20MB --language zh
# ```
#
# `recipes/sentiment-zh.yaml` 是同一过程的配方，可以直接复制使用。
