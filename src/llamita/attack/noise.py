"""Noise: accuracy when a tenth of the words hold a typo; of Chinese characters, a homophone or a look-alike.

Slips in alphabetic words are those of Belinkov & Bisk 2018 (https://arxiv.org/abs/1711.02173; neighbouring key, swap) and
Pruthi et al. 2019 (https://arxiv.org/abs/1905.11268; also a letter dropped or added, which we always double), each as
likely as the others. As in the latter, words of four letters or more take one slip, and first and last letter stay.
Chinese slips follow the errors counted by Liu et al. 2011 (https://doi.org/10.1145/1967293.1967297), who found more by
sound than by shape: two of three are homophones, one of three a look-alike. Numbers, addresses and Chinese
negations are left alone.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from llamita.attack._tables import NEGATIONS, homophones, look_alikes, neighbouring_keys
from llamita.core.answers import told
from llamita.core.checked import as_seed, is_number
from llamita.core.errors import require
from llamita.core.measure import Finding, Measure, ask, labelled_split
from llamita.core.statistics import paired_ratio_difference, ratio_of_sums, ratio_of_sums_interval
from llamita.core.task import is_text, parts_of

if TYPE_CHECKING:
    from llamita.core.context import Run
    from llamita.core.engine import Engine
    from llamita.core.task import Split, Task, Text

HAN = "\u3400-\u4dbf\u4e00-\u9fff"
CHUNK = re.compile(rf"[{HAN}]|[^\s{HAN}]+")
"""A Chinese character, or what stands between spaces and such characters."""
LETTERS = re.compile(rf"[^\W\d_{HAN}]+(?:['’][^\W\d_{HAN}]+)*")
LEFT_ALONE = re.compile(r"[\d@#/\\_]|www\.|\w\.\w", re.IGNORECASE)
SHORTEST_WORD = 4
HOMOPHONE_SHARE = 2 / 3


@dataclass(frozen=True, kw_only=True)
class Noise(Measure):
    """Accuracy on the same texts with slips of the pen, and the fall from the clean ones."""

    rate: float = 0.1
    """Share of the words, and of the Chinese characters, that take a slip; in [0, 1]."""
    examples: int = 2000
    """Most texts disturbed; of more, so many are drawn. At least 1."""
    rows: int = 200
    """Most texts told of: those whose answer changed, then others; at least 0."""

    def __post_init__(self) -> None:
        require(0 <= self.rate <= 1, f"rate must be in [0, 1], got {self.rate:g}")
        require(self.examples >= 1, f"examples must be at least 1, got {self.examples}")
        require(self.rows >= 0, f"rows must be at least 0, got {self.rows}")

    def measure(self, engine: Engine, task: Task, run: Run, reference: Engine | None = None) -> list[Finding]:
        """The engine's finding; with a reference its own too, as `attack.reference_noise`."""
        split = labelled_split(task, run)
        chosen = np.arange(len(split))
        if len(split) > self.examples:
            chosen = np.sort(np.random.default_rng(run.seed).permutation(len(split))[: self.examples])
        noisy = [disturb(split.texts[i], self.rate, run.seed) for i in chosen]
        ours = self._finding(engine, task, split, chosen, noisy)
        if reference is None:
            return [ours]
        theirs = self._finding(reference, task, split, chosen, noisy)
        summary = {
            "value": theirs.value,
            "interval": theirs.interval,
            **{k: theirs.detail[k] for k in ("clean", "fall")},
        }
        return [
            replace(ours, detail={**ours.detail, "reference": summary}),
            replace(theirs, name="attack.reference_noise"),
        ]

    def _finding(self, engine: Engine, task: Task, split: Split, chosen: np.ndarray, noisy: list[Text]) -> Finding:
        gold = task.gold(split)[chosen]
        clean, found = ask(engine, task, [split.texts[i] for i in chosen]), ask(engine, task, noisy)
        before, after = clean.tally(gold), found.tally(gold)
        fall = paired_ratio_difference(before, after)
        same = (clean.chosen == found.chosen).all(axis=1)
        changed, others = np.flatnonzero(~same), np.flatnonzero(same)
        sure = found.answers.confidence(found.probabilities)
        rows = [
            _row(int(chosen[i]), noisy[i], task, split, {
                "clean_predicted": told(clean.chosen[i], task.labels), "predicted": told(found.chosen[i], task.labels),
                "confidence": round(float(sure[i]), 6),
            })
            for i in [*changed, *others][: self.rows]
        ]  # fmt: skip
        return Finding(
            name="attack.noise", value=ratio_of_sums(*after), unit="share", interval=ratio_of_sums_interval(*after),
            better="higher", n=len(gold), rows=tuple(rows),
            detail={
                "score": found.answers.score_name, "clean": ratio_of_sums(*before), "fall": fall.value,
                "fall_interval": fall.interval,
                "changed": len(changed), "rate": self.rate,
                "rates": touched([split.texts[i] for i in chosen], noisy),
            },
        )  # fmt: skip


def disturb(text: Text, rate: float = 0.1, seed: int = 0) -> Text:
    """The text with slips at this rate; the same text and seed give the same slips, wherever it stands.

    Args:
        rate: share of the words, and of the Chinese characters, that take a slip; in [0, 1].

    Raises:
        UserError: no text, or a rate out of its range.
    """
    require(is_text(text), f"disturb takes a text or a pair of texts, got {str(text)[:60]!r}")
    require(is_number(rate) and 0 <= rate <= 1, f"rate must be in [0, 1], got {rate!r}")
    seed = as_seed("seed", seed)
    if not isinstance(text, str):
        return _disturb(text[0], rate, seed), _disturb(text[1], rate, seed)
    return _disturb(text, rate, seed)


def _disturb(text: str, rate: float, seed: int) -> str:
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    generator = np.random.default_rng([seed, int.from_bytes(digest[:8], "little")])
    words, characters = places(text)
    slips: dict[tuple[int, int], str] = {}
    for total, spans in (words, characters):
        wanted = total * rate
        count = int(wanted) + (generator.random() < wanted - int(wanted))
        for index in sorted(generator.permutation(len(spans))[:count]):
            start, end = spans[index]
            piece = text[start:end]
            slips[start, end] = swap_character(piece, generator) if end - start == 1 else misspell(piece, generator)
    for (start, end), new in sorted(slips.items(), reverse=True):
        text = text[:start] + new + text[end:]
    return text


def places(text: str) -> tuple[tuple[int, list[tuple[int, int]]], tuple[int, list[tuple[int, int]]]]:
    """How many words and Chinese characters a text has, and where those stand that may take a slip."""
    words, characters = [], []
    num_words = num_characters = 0
    for match in CHUNK.finditer(text):
        chunk, start = match.group(), match.start()
        if re.match(f"[{HAN}]", chunk):
            num_characters += 1
            if chunk not in NEGATIONS and (chunk in homophones() or chunk in look_alikes()):
                characters.append(match.span())
            continue
        for word in LETTERS.finditer(chunk):
            num_words += 1
            if word.end() - word.start() >= SHORTEST_WORD and not LEFT_ALONE.search(chunk):
                words.append((start + word.start(), start + word.end()))
    return (num_words, words), (num_characters, characters)


def misspell(word: str, generator: np.random.Generator) -> str:
    """One slip inside the word: neighbouring key, swap of two letters, deletion or doubling."""
    for kind in generator.permutation(4):
        at = int(generator.integers(1, len(word) - 1))
        if not word[at].isalpha():  # two apostrophes would part the word
            at += 1 if at < len(word) - 2 else -1
        changed = _SLIPS[kind](word, at, generator)
        if changed != word:
            return changed
    return word


def _press_neighbour(word: str, at: int, generator: np.random.Generator) -> str:
    near = neighbouring_keys().get(word[at].lower(), "")
    if not near:
        return word
    key = near[int(generator.integers(len(near)))]
    return word[:at] + (key.upper() if word[at].isupper() else key) + word[at + 1 :]


def _swap(word: str, at: int, generator: np.random.Generator) -> str:
    at = min(at, len(word) - 3)
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def _delete(word: str, at: int, generator: np.random.Generator) -> str:
    return word[:at] + word[at + 1 :]


def _double(word: str, at: int, generator: np.random.Generator) -> str:
    return word[:at] + word[at] + word[at:]


_SLIPS = (_press_neighbour, _swap, _delete, _double)


def swap_character(character: str, generator: np.random.Generator) -> str:
    """A homophone two times in three, else a look-alike; the other kind where the one is missing."""
    by_sound, by_shape = homophones().get(character, ""), look_alikes().get(character, "")
    sounds = generator.random() < HOMOPHONE_SHARE
    options = (by_sound or by_shape) if sounds else (by_shape or by_sound)
    return options[int(generator.integers(len(options)))]


def touched(texts: list[Text], noisy: list[Text]) -> dict[str, float | None]:
    """Share of the words, and of the Chinese characters, that came out changed."""
    counts = {"words": [0, 0], "characters": [0, 0]}
    for before, after in zip(texts, noisy, strict=True):
        for old, new in zip(*map(parts_of, (before, after)), strict=True):
            for kind, pattern in (("words", LETTERS), ("characters", re.compile(f"[{HAN}]"))):
                pieces = [_pieces(pattern, text) for text in (old, new)]
                counts[kind][0] += sum(a != b for a, b in zip(*pieces, strict=False))
                counts[kind][1] += len(pieces[0])
    return {kind: changed / total if total else None for kind, (changed, total) in counts.items()}


def _pieces(pattern: re.Pattern[str], text: str) -> list[str]:
    return [m.group() for chunk in CHUNK.findall(text) for m in pattern.finditer(chunk)]


def _row(index: int, noisy: Text, task: Task, split: Split, answers: dict[str, Any]) -> dict[str, Any]:
    text = split.texts[index]
    single = isinstance(text, str)
    parts = {"text": text, "noisy": noisy} if single else {"text": text[0], "pair": text[1], "noisy": "\n".join(noisy)}
    return {"index": index, **parts, "label": task.told_gold(split, index), **answers}
