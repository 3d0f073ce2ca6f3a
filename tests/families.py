"""A tiny model of every family in the table, with a real fast tokenizer of the kind the family uses."""

from __future__ import annotations

import json
import math
import unicodedata
from collections import Counter
from collections.abc import Sequence

import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedTokenizerFast

from llamita.core.architecture import ARCHITECTURES, architecture_named, shape_settings
from llamita.core.model import Model

FAMILIES: tuple[str, ...] = (
    "llama", "qwen2", "qwen3", "gemma3_text", "mistral", "gpt2", "bert", "roberta", "xlm-roberta", "distilbert",
    "mpnet", "modernbert", "bart",
)  # fmt: skip
assert set(FAMILIES) == set(ARCHITECTURES)

TRAINING_TEXTS = (
    "a warm and funny film that never loses its way",
    "the plot is thin and the acting is worse than the writing",
    "one of the best films of the year, moving and beautifully shot",
    "dull, lifeless and far too long; nothing in it works",
    "the actors are wonderful and the story is told with care",
    "a boring mess of a movie with no idea what it wants to be",
    "I laughed, I cried, and I would gladly watch it again!",
    "it's badly written, badly acted and badly directed.",
    "酒店很干净，服务态度也很好，下次还会再来。",
    "房间太小，隔音很差，早餐也不好吃。",
    "这本书写得非常好，值得一读再读。",
    "电池用不了多久，屏幕也有坏点，很失望。",
    "价格便宜，性能不错，推荐购买。",
    "送货太慢了，客服也不理人，不会再买。",
)
"""Texts that the tiny tokenizers are trained on; the even ones are positive in each language."""

WORDPIECE = ("bert", "distilbert", "mpnet")
_LOWER = normalizers.BertNormalizer(lowercase=True)
_BASIC = pre_tokenizers.BertPreTokenizer()
_QWEN2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
UNIGRAM = ("xlm-roberta",)
BYTE_FALLBACK = ("gemma3_text", "mistral")
CLS_SEP = ("bert", "distilbert", "modernbert")
BOS_EOS = ("roberta", "xlm-roberta", "mpnet", "bart")


def tokenizer_kind(family: str) -> str:
    """wordpiece · unigram · byte_fallback · byte_level"""
    for kind, members in (("wordpiece", WORDPIECE), ("unigram", UNIGRAM), ("byte_fallback", BYTE_FALLBACK)):
        if family in members:
            return kind
    return "byte_level"


def tiny_model(
    family: str, *, labels: Sequence[str] = ("negative", "positive"), layers: int = 2, seed: int = 0
) -> Model:
    """A sequence classifier with random weights: hidden 32, 4 heads (2 key-value heads where they differ), FFN 64."""
    tokenizer = tiny_tokenizer(family)
    config = AutoConfig.for_model(
        family,
        **shape_settings(architecture_named(family), hidden=32, layers=layers, heads=4, ffn=64),
        **{architecture_named(family).positions: 130},
        vocab_size=len(tokenizer),
        id2label=dict(enumerate(labels)),
        label2id={name: i for i, name in enumerate(labels)},
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.cls_token_id,
        eos_token_id=tokenizer.eos_token_id if tokenizer.eos_token_id is not None else tokenizer.sep_token_id,
        problem_type="single_label_classification",
        initializer_range=0.2,
        **_special_settings(family, tokenizer, layers),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = AutoModelForSequenceClassification.from_config(config, dtype=torch.float32)
        for name, parameter in module.named_parameters():
            if name.endswith("bias"):
                torch.nn.init.normal_(parameter, std=0.1)
    return Model(module, tokenizer, name=f"tiny {family}")


def _special_settings(family: str, tokenizer: PreTrainedTokenizerFast, layers: int) -> dict[str, object]:
    if family == "bart":
        return {"decoder_start_token_id": tokenizer.eos_token_id, "forced_eos_token_id": tokenizer.eos_token_id}
    if family == "modernbert":
        return {"cls_token_id": tokenizer.cls_token_id, "sep_token_id": tokenizer.sep_token_id, "local_attention": 16}
    if family == "gemma3_text":
        types = [("sliding_attention", "full_attention")[i % 2] for i in range(layers)]
        return {"sliding_window": 16, "layer_types": types}
    if family == "mistral":
        return {"sliding_window": 16}
    return {"type_vocab_size": 1} if family in ("roberta", "xlm-roberta") else {}


def tiny_tokenizer(family: str) -> PreTrainedTokenizerFast:
    """A fast tokenizer of the family's kind, trained on `TRAINING_TEXTS`."""
    kind = tokenizer_kind(family)
    backend = {
        "wordpiece": _wordpiece,
        "unigram": _unigram,
        "byte_fallback": _byte_fallback,
        "byte_level": _byte_level,
    }[kind](family)
    named = _special_tokens(family)
    id_of = backend.token_to_id
    if family in CLS_SEP:
        cls, sep = (("[CLS]", id_of("[CLS]")), ("[SEP]", id_of("[SEP]")))
        backend.post_processor = processors.BertProcessing(sep, cls) if family == "bert" else _template(cls, sep)
    elif family in BOS_EOS:
        bos, eos = (("<s>", id_of("<s>")), ("</s>", id_of("</s>")))
        if family in ("roberta", "bart"):
            backend.post_processor = processors.RobertaProcessing(eos, bos, add_prefix_space=False)
        else:
            backend.post_processor = _template(bos, eos, double=True)
    elif family == "gemma3_text":
        bos = named["bos_token"]
        backend.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", pair=f"{bos} $A {bos}:1 $B:1", special_tokens=[(bos, id_of(bos))]
        )
    names = ["input_ids", "attention_mask"]
    if family == "bert":
        names.insert(1, "token_type_ids")
    return PreTrainedTokenizerFast(tokenizer_object=backend, model_max_length=128, model_input_names=names, **named)


def _template(first: tuple[str, int], last: tuple[str, int], double: bool = False) -> processors.TemplateProcessing:
    middle = f"{last[0]} {last[0]}" if double else last[0]
    return processors.TemplateProcessing(
        single=f"{first[0]} $A {last[0]}",
        pair=f"{first[0]} $A {middle} $B {last[0]}" if double else f"{first[0]} $A {last[0]} $B:1 {last[0]}:1",
        special_tokens=[first, last],
    )


def _special_tokens(family: str) -> dict[str, str]:
    if family in CLS_SEP:
        return {
            name: f"[{name[:-6].upper()}]"
            for name in ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
        }
    if family in BOS_EOS:
        return {
            "bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>", "cls_token": "<s>",
            "sep_token": "</s>", "mask_token": "<mask>",
        }  # fmt: skip
    if family in BYTE_FALLBACK:
        return {"pad_token": "<pad>", "eos_token": "<eos>", "bos_token": "<bos>", "unk_token": "<unk>"}
    if family == "gpt2":
        return dict.fromkeys(("bos_token", "eos_token", "unk_token", "pad_token"), "<|endoftext|>")
    return {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "pad_token": "<|padding|>"}


def _specials_in_order(family: str) -> list[str]:
    return list(dict.fromkeys(_special_tokens(family).values()))


def _wordpiece(family: str) -> Tokenizer:
    """Pieces are counted, not trained: the trainer's order differs from process to process."""
    words = [word for text in TRAINING_TEXTS for word in _BASIC.pre_tokenize_str(_LOWER.normalize_str(text))]
    counts = Counter(word for word, _ in words)
    letters = sorted({letter for word in counts for letter in word} | set("abcdefghijklmnopqrstuvwxyz"))
    ends = Counter(word[-size:] for word, n in counts.items() for size in (2, 3) if len(word) > size for _ in range(n))
    starts = Counter(word[:3] for word, n in counts.items() if len(word) > 3 for _ in range(n))
    pieces = [*letters, *(f"##{letter}" for letter in letters)]
    pieces += _frequent(counts) + _frequent(starts) + [f"##{end}" for end in _frequent(ends)]
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys([*_specials_in_order(family), *pieces]))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token=_special_tokens(family)["unk_token"]))
    tokenizer.normalizer = _LOWER
    tokenizer.pre_tokenizer = _BASIC
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(_specials_in_order(family))
    return tokenizer


def _frequent(counts: Counter[str]) -> list[str]:
    return [piece for piece, n in sorted(counts.items(), key=lambda item: (-item[1], item[0])) if n > 1]


def _byte_level(family: str) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    if family in ("qwen2", "qwen3"):
        tokenizer.normalizer = normalizers.NFC()
        split = pre_tokenizers.Split(Regex(_QWEN2), "isolated")
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
        )
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=_specials_in_order(family),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TRAINING_TEXTS, trainer)
    return tokenizer


def _unigram(family: str) -> Tokenizer:
    """Scores are log shares of counted substrings: the trainer's order differs from process to process."""
    words = [f"▁{word}" for text in TRAINING_TEXTS for word in unicodedata.normalize("NFKC", text).split()]
    counts = Counter(word[i : i + size] for word in words for size in range(1, 8) for i in range(len(word) - size + 1))
    kept = {piece: n * len(piece) for piece, n in counts.items() if len(piece) == 1 or n > 1}
    pieces = sorted(kept, key=lambda piece: (-kept[piece], piece))
    scored = [(piece, round(math.log(kept[piece] / sum(kept.values())), 6)) for piece in pieces]
    specials = _specials_in_order(family)
    tokenizer = Tokenizer(
        models.Unigram([*((text, 0.0) for text in specials), *scored], specials.index("<unk>"), False)
    )
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(r" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens(specials)
    return tokenizer


def _byte_fallback(family: str) -> Tokenizer:
    """As SentencePiece's BPE: spaces are "▁", characters that are no piece become bytes."""
    marked = [f"▁{text.replace(' ', '▁')}" for text in TRAINING_TEXTS]
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    trained.train_from_iterator(marked, trainers.BpeTrainer(vocab_size=340, special_tokens=[], show_progress=False))
    model = json.loads(trained.to_str())["model"]
    specials = _specials_in_order(family)
    pieces = [*specials, *(f"<0x{byte:02X}>" for byte in range(256)), *sorted(model["vocab"], key=model["vocab"].get)]
    merges = [tuple(merge) for merge in model["merges"]]
    vocabulary = {piece: i for i, piece in enumerate(pieces)}
    tokenizer = Tokenizer(
        models.BPE(vocab=vocabulary, merges=merges, byte_fallback=True, fuse_unk=True, unk_token="<unk>")
    )
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in specials])
    return tokenizer
