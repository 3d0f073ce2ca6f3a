"""What a server is asked about a text: labels with a letter each, examples, the text; and which label its answer names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from llamita.core.errors import require
from llamita.core.task import Text
from llamita.tasks._letters import LETTERS
from llamita.tasks.wording import CHINESE, ENGLISH, asks_in_chinese, bare, require_places, words_of


class Question:
    """The same for every text; what its arguments are stands at `EndpointEngine`."""

    def __init__(
        self,
        labels: Sequence[str],
        *,
        words: Mapping[str, str] | None = None,
        prompt: str | None = None,
        examples: Sequence[tuple[Text, str]] = (),
        chinese: bool | None = None,
    ):
        require(
            2 <= len(labels) <= len(LETTERS), f"an endpoint chooses among 2 to {len(LETTERS)} labels, got {len(labels)}"
        )
        if prompt is not None:
            require_places(prompt)
        self.labels, self.prompt, self.examples = tuple(labels), prompt, tuple(examples)
        self.words = words_of(labels, words)
        if chinese is None:
            chinese = asks_in_chinese([*self.words.values(), prompt or ""], (text for text, _ in examples))
        self.wording = CHINESE if chinese else ENGLISH

    def messages(self, text: Text) -> list[dict[str, str]]:
        """What is sent for a text."""
        listed = "\n".join(
            f"{letter}. {self.words[label]}" for letter, label in zip(LETTERS, self.labels, strict=False)
        )
        sent = [{"role": "system", "content": f"{self.wording.start}\n\n{self.wording.labels}\n{listed}"}]
        for shown, label in self.examples:
            sent += [
                {"role": "user", "content": self._about(shown)},
                {"role": "assistant", "content": LETTERS[self.labels.index(label)]},
            ]
        return [*sent, {"role": "user", "content": self._about(text)}]

    def _about(self, text: Text) -> str:
        said = bare(text)
        first, second = (said, "") if isinstance(said, str) else said
        prompt = self.prompt or (self.wording.one if isinstance(text, str) else self.wording.two)
        before, after = prompt.split("{text}", 1)
        if not isinstance(text, str) and "{pair}" not in after:
            after = f"\n{second}{after}"
        return before + first + after.replace("{pair}", second)

    def named(self, answer: str) -> int | None:
        """Which label an answer names: by its words, or by its letter, alone or with a mark behind it."""
        said = answer.strip().strip("*\"'`().:").strip()
        letters = LETTERS[: len(self.labels)]
        named = [
            i
            for i, label in enumerate(self.labels)
            if said.casefold() in (label.casefold(), self.words[label].casefold())
        ]
        if len(named) == 1:
            return named[0]
        letter = re.match(rf"([{letters}])(?:\s*$|[.):*,，。、：）\n])", said)
        return letters.index(letter[1]) if letter else None
