"""Which column holds the text, its pair and the label: by the user's word, by name, then by content."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from llamita.core.errors import UserError, did_you_mean, require
from llamita.data.cells import plain
from llamita.data.label_sets import written_names
from llamita.data.text import han_share

ROLES = ("text", "pair", "label")
PAIRS = (
    ("premise", "hypothesis"), ("sentence1", "sentence2"), ("text_a", "text_b"), ("text1", "text2"), ("text", "pair"),
    ("text", "text_pair"), ("question1", "question2"), ("sentence_a", "sentence_b"), ("query1", "query2"),
    ("question", "sentence"), ("question", "passage"), ("question", "answer"), ("query", "passage"),
    ("query", "document"), ("claim", "evidence"), ("前提", "假设"), ("原文", "假设"), ("原文", "假设句"),
    ("句子1", "句子2"), ("文本1", "文本2"), ("问题1", "问题2"), ("问题", "答案"),
)  # fmt: skip
TEXTS = (
    "text", "sentence", "review", "content", "comment", "document", "message", "tweet", "utterance", "query",
    "question", "body", "article", "description", "title", "headline", "input",
    "文本", "内容", "评论", "评论内容", "评价内容", "句子", "正文", "文章", "标题", "问题", "描述", "留言",
)  # fmt: skip
LABELS = (
    "label", "labels", "sentiment", "category", "class", "stars", "rating", "target", "intent", "topic", "polarity",
    "emotion", "label_text", "y", "tags", "topics", "categories", "genres", "标签", "类别", "情感", "分类", "标注",
    "星级", "评分", "等级", "满意度", "意图", "极性", "情绪", "情感极性",
)  # fmt: skip
BRIEF = ("title", "headline", "标题")
"""Those of the texts that a longer text beside them is the text of."""
SCORES = ("score", "star", "overall", "verdict", "grade", "得分", "评级")
"""What a column of labels may be called, among others of few values, which numbers may be called too; so may one whose name ends
in one of `LABELS`, such as airline_sentiment."""
SIMPLIFIED = str.maketrans("內評論標題籤簽類別註設問級滿圖極緒價", "内评论标题签签类别注设问级满图极绪价")
"""What the names above are written with in traditional Chinese."""

NAMES = "names"
"""A role that no column has: what the labels are called."""
NO_LABEL = "none"
"""Named for the label column, it says that there is none."""

DATE = re.compile(r"\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}")
"""A day, which is no label however often it comes."""
SENTENCE = re.compile("[,;!?…，。；！？、]|[.]$")
"""Marks that texts have and names of columns don't."""


def named_columns(columns: Any) -> dict[str, str] | None:
    """What the user says of the columns, as text; pandas has numbers for names, too, and several may stand in a list, names of
    labels in a dict.

    Raises:
        UserError: it is no dict.
    """
    require(
        columns is None or isinstance(columns, Mapping),
        f"columns must be a dict such as {{'text': 'review', 'label': 'stars'}}, got {columns!r}",
    )
    if columns is None:
        return None
    told = dict[str, str]()
    for role, name in columns.items():
        if role == NAMES and isinstance(name, Mapping):
            told[NAMES] = written_names({plain(label): plain(called) for label, called in name.items()})
        else:
            told[str(role)] = ",".join(map(str, name)) if isinstance(name, list | tuple) else str(name)
    return told


def find_columns(
    names: Sequence[str], sample: Sequence[Sequence[str]], given: Mapping[str, str] | None, where: str
) -> dict[str, str]:
    """Roles to column names.

    Args:
        names: The header.
        sample: The first rows, one value per column.
        given: The user's choice, such as {"text": "review"}; roles it leaves out are guessed.
        where: File and line for messages.
    """
    chosen = _chosen(names, given or {}, where)
    lowered = {known_form(name): name for name in reversed(names)}
    free = [name for name in names if name not in chosen.values()]
    if "text" not in chosen:
        chosen = _longer(_named_texts(lowered, free, alone="pair" in chosen), free, names, sample) | chosen
    by_name = "text" in chosen
    if "label" not in chosen:
        label = next((lowered[key] for key in LABELS if key in lowered and lowered[key] in free), None)
        if label:
            chosen["label"] = label
            by_name = True
    guessed = "pair" in chosen and "pair" not in (given or {}) and "label" not in chosen
    if guessed and _repeating(names, sample, {"text": chosen["text"]}) == chosen["pair"]:
        chosen["label"] = chosen.pop("pair")
    if not by_name:
        _refuse_data_as_header(names, sample, where)
    if "text" not in chosen:
        chosen["text"] = _longest(names, sample, chosen, where)
    if "label" not in chosen and (label := _repeating(names, sample, chosen)):
        chosen["label"] = label
    return {role: chosen[role] for role in ROLES if role in chosen}


def known_form(name: str) -> str:
    """A column's name as it would stand above: in small letters and simplified characters, digits of half width."""
    return unicodedata.normalize("NFKC", name).strip().lower().translate(SIMPLIFIED)


def _chosen(names: Sequence[str], given: Mapping[str, str], where: str) -> dict[str, str]:
    for role, name in given.items():
        if role not in ROLES:
            raise UserError(f"no column role {role!r}; roles are {', '.join(ROLES)}, as in text=review,label=stars")
        if name not in names:
            raise UserError(f"{where}: no column {name!r}.{did_you_mean(name, names)} {_listed(names)}")
    if len(set(given.values())) < len(given):
        raise UserError(
            f"{where}: one column is named for two roles: {', '.join(f'{r}={n}' for r, n in given.items())}"
        )
    return dict(given)


def _listed(names: Sequence[str]) -> str:
    return f"Columns: {', '.join(names)}."


def _named_texts(lowered: Mapping[str, str], free: Sequence[str], *, alone: bool) -> dict[str, str]:
    """The columns of a pair or of a text; of the text alone where the user named its partner."""
    for first, second in PAIRS:
        if first in lowered and lowered[first] in free:
            if alone:
                return {"text": lowered[first]}
            if second in lowered and lowered[second] in free:
                return {"text": lowered[first], "pair": lowered[second]}
    name = next((lowered[key] for key in TEXTS if key in lowered and lowered[key] in free), None)
    return {"text": name} if name else {}


def _longer(
    found: dict[str, str], free: Sequence[str], names: Sequence[str], sample: Sequence[Sequence[str]]
) -> dict[str, str]:
    """A column several times as long as one of titles, if there is just one, in its place."""
    if set(found) != {"text"} or known_form(found["text"]) not in BRIEF:
        return found
    size = {name: _mean_length(sample, names.index(name)) for name in free}
    longer = [name for name in free if size[name] > 2 * size[found["text"]] and _has_words(sample, names.index(name))]
    return {"text": longer[0]} if len(longer) == 1 else found


def _has_words(sample: Sequence[Sequence[str]], column: int) -> bool:
    """Whether most of its values are several words, and no addresses, keys or paths."""
    return sum(" " in row[column].strip() or han_share(row[column]) > 0.5 for row in sample) > len(sample) / 2


def _refuse_data_as_header(names: Sequence[str], sample: Sequence[Sequence[str]], where: str) -> None:
    if where.startswith("DataFrame:") and all(name.isdecimal() for name in names):
        raise UserError(
            f"the DataFrame's columns have numbers for names ({', '.join(names[:10])}); say which is which:"
            " columns={'text': '0', 'label': '1'}"
        )
    for i, name in enumerate(names):
        values = [row[i] for row in sample]
        if name and (len(name) > 60 or name in values or _is_number(name)):
            header = ",".join(["text", "label", *(f"column{k}" for k in range(3, len(names) + 1))][: len(names)])
            shown = name if len(name) <= 40 else name[:40] + "…"
            raise UserError(
                f"{where}: no header: the first row looks like data ({shown!r}); add a first line such as {header}"
            )


def reads_like_text(name: str, values: Sequence[str]) -> bool:
    """Whether the name of the only column is one of its texts rather, so that a header is missing."""
    written = name.strip()
    known = {*TEXTS, *LABELS, *(one for pair in PAIRS for one in pair)}
    words = written.lower().split()
    if written.lower() in known or (len(words) <= 3 and any(word.rstrip("s") in known for word in words)):
        return False
    if len(words) > 1 or SENTENCE.search(written):
        return True
    mean = sum(map(len, values)) / max(1, len(values))
    return len(written) >= 4 and han_share(written) > 0.5 and mean < 2 * len(written)


def _longest(names: Sequence[str], sample: Sequence[Sequence[str]], chosen: Mapping[str, str], where: str) -> str:
    free = {name: _mean_length(sample, i) for i, name in enumerate(names) if name not in chosen.values()}
    if not free:
        raise UserError(
            f"{where}: no column is left for the text; name it: --columns text=COLUMN. Columns: {', '.join(names)}."
        )
    ranked = sorted(free, key=lambda name: -free[name])
    if len(ranked) > 1 and free[ranked[0]] < 1.5 * free[ranked[1]]:
        raise UserError(
            f"{where}: can't tell which column holds the text; name it: --columns text=COLUMN,label=COLUMN."
            f" {_listed(names)}"
        )
    return ranked[0]


def _repeating(names: Sequence[str], sample: Sequence[Sequence[str]], chosen: Mapping[str, str]) -> str | None:
    """The one other column of few short values that come again and again, if there is just one."""
    found = []
    for i, name in enumerate(names):
        values = [row[i] for row in sample if row[i]]
        few = len(values) >= 4 and 2 <= len(set(values)) <= len(values) / 2 and not all(map(DATE.match, values))
        if name and name not in chosen.values() and few and _mean_length(sample, i) <= 40:
            found.append(name)
    named = [name for name in found if _says_labels(known_form(name))]
    return named[0] if len(named) == 1 else found[0] if len(found) == 1 else None


def _says_labels(name: str) -> bool:
    return name in SCORES or any(name.endswith((f"_{label}", f" {label}")) for label in LABELS)


def _mean_length(sample: Sequence[Sequence[str]], column: int) -> float:
    return sum(len(row[column]) for row in sample) / max(1, len(sample))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
