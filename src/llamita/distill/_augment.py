"""More texts for the teacher to label: clauses cut out of the training texts, and texts with words left out.

After Tang et al. 2019 (https://arxiv.org/abs/1903.12136), who cut n-grams and mask words; words are left out here
rather than masked, since teacher and student need not share a mask token, and cuts prefer the borders of clauses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from llamita.core.task import Split, Text
from llamita.data.text import reading_key

DROP = 0.1
"""Share of the words that are left out."""
_CLAUSE = re.compile(r"[^,;:.!?—()，；：。！？、（）]+[,;:.!?—()，；：。！？、（）]*\s*")
_WORD = re.compile(r"[㐀-䶿一-鿿]|[^\s㐀-䶿一-鿿]+")


def augmented(split: Split, copies: int, seed: int, *, apart: Iterable[Text] = ()) -> Split:
    """So many changed copies of each text, without labels; what equals a text already there is left out.

    Args:
        apart: texts that nothing learns from; a clause of a training text may be one.
    """
    seen, hidden = set(split.texts), {reading_key(text) for text in apart}
    texts: list[Text] = []
    for copy in range(copies):
        for index, text in enumerate(split.texts):
            random = np.random.default_rng([seed, copy, index])
            changed = _changed(text, random)
            if changed not in seen and reading_key(changed) not in hidden:
                seen.add(changed)
                texts.append(changed)
    return Split(texts=tuple(texts), source="cut from the training texts")


def _changed(text: Text, random: np.random.Generator) -> Text:
    """A text with a part cut out of it or words left out of it; of a pair one text is changed."""
    if not isinstance(text, str):
        first = bool(random.integers(2))
        return (_change(text[0], random), text[1]) if first else (text[0], _change(text[1], random))
    return _change(text, random)


def _change(text: str, random: np.random.Generator) -> str:
    return part_of(text, random) if random.random() < 0.5 else without_words(text, random)


def part_of(text: str, random: np.random.Generator) -> str:
    """Consecutive clauses, fewer than all; of a text with one clause, at least half of its words, in one piece."""
    clauses = [match.group() for match in _CLAUSE.finditer(text)]
    if len(clauses) > 1:
        size = int(random.integers(1, len(clauses)))
        start = int(random.integers(len(clauses) - size + 1))
        return "".join(clauses[start : start + size]).strip()
    words = list(_WORD.finditer(text))
    if len(words) < 3:
        return text
    size = int(random.integers((len(words) + 1) // 2, len(words)))
    start = int(random.integers(len(words) - size + 1))
    return text[words[start].start() : words[start + size - 1].end()]


def without_words(text: str, random: np.random.Generator) -> str:
    """The text with a tenth of its words (characters, in Chinese) left out, at least one; one word always stays."""
    words = list(_WORD.finditer(text))
    if len(words) < 2:
        return text
    gone = random.random(len(words)) < DROP
    if not gone.any():
        gone[random.integers(len(words))] = True
    if gone.all():
        gone[random.integers(len(words))] = False
    spans = [word.span() for word, is_gone in zip(words, gone, strict=True) if is_gone]
    kept, place = [], 0
    for start, end in spans:
        kept.append(text[place:start])
        place = end
    return re.sub(r"\s+", " ", "".join([*kept, text[place:]])).strip()
