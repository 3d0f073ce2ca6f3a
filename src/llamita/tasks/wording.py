"""The words a model is asked in where nobody says how: English, or Chinese where labels or texts are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from llamita.core.errors import require
from llamita.core.task import Text
from llamita.data.cells import plain
from llamita.data.text import are_chinese


def asks_in_chinese(words: Iterable[str], texts: Iterable[Text] = ()) -> bool:
    """Whether a model is asked in Chinese: where the labels' words, or the texts known by then, are Chinese."""
    return are_chinese(words) or are_chinese(texts)


def bare(text: Text) -> Text:
    """A text, or both of a pair, without the white space at the ends: in a prompt it is a token, and a model answers to it."""
    return text.strip() if isinstance(text, str) else (text[0].strip(), text[1].strip())


def require_places(prompt: str) -> None:
    """Refuse a prompt that doesn't say, once, where the text goes, and the second of two after it."""
    require("{text}" in prompt, f"the prompt must say where the text goes: {{text}}; got {prompt!r}")
    for place in ("{text}", "{pair}"):
        require(prompt.count(place) <= 1, f"the prompt must name {place} once; got {prompt!r}")
    require("{pair}" not in prompt.split("{text}")[0], "the prompt must name {text} before {pair}")


def words_of(labels: Sequence[str], words: Mapping[str, str] | None) -> dict[str, str]:
    """What is said for each label: its own name, where nothing else is given.

    Raises:
        UserError: words for something else, or a label for which nothing would be said.
    """
    require(words is None or isinstance(words, Mapping), f"words must be a dict such as {{'1': 'good'}}, got {words!r}")
    words = None if words is None else {plain(label): str(word) for label, word in words.items()}
    unknown = [word for word in words or () if word not in labels]
    require(not unknown, f"words are given for {', '.join(unknown)}, which is no label")
    said = {label: (words or {}).get(label, label) for label in labels}
    require(all(word.strip() for word in said.values()), "a label's words must not be empty")
    return said


@dataclass(frozen=True, kw_only=True)
class LetterQuestion:
    """How a server is asked for the letter of a label."""

    start: str
    labels: str
    """Stands before the list of the labels."""
    one: str
    """Asks about a text."""
    two: str
    """Asks about a pair."""


ENGLISH = LetterQuestion(
    start="You sort texts. Answer with the one letter of the label that fits, and with nothing else.",
    labels="Labels:",
    one="Text: {text}\n\nWhich label fits?",
    two="Text: {text}\nSecond text: {pair}\n\nWhich label fits the two?",
)
CHINESE = LetterQuestion(
    start="你的任务是给文本分类。只回答合适的标签前的那个字母，不要回答其他内容。",
    labels="标签：",
    one="文本：{text}\n\n哪个标签合适？",
    two="文本：{text}\n第二条文本：{pair}\n\n哪个标签适合这两条文本？",
)
