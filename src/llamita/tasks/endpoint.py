"""An OpenAI-compatible server as a classifier: labels are lettered, and the letter it answers with is read.

Probabilities are those of the letters among the likeliest first tokens (`top_logprobs`), which one request gives. A server that
offers none is asked for several drawn answers instead; each counts one, and one more is shared by all labels, so that no label is
impossible. What is answered is written down at once, by server, model, question and text: nothing is paid for twice.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from llamita.core.encoding import TextEncoder
from llamita.core.engine import Engine
from llamita.core.errors import UserError, require
from llamita.core.task import Text
from llamita.tasks._kept import KeptAnswers
from llamita.tasks._letters import content, counted, first_tokens, letter_shares, thinks, used_up
from llamita.tasks._question import Question
from llamita.tasks._requests import Chat, Refused, Server, Unusable
from llamita.tasks.calibrating import fit_few
from llamita.tasks.recorded import text_digest

log = logging.getLogger(__name__)
AT_ONCE = 8
"""Requests under way at the same time."""
TOP, FEWER = 20, 5
"""Likeliest tokens asked for: what OpenAI and vLLM allow at most, and what others do."""
DRAWN = 5
"""Answers drawn for a text where no probabilities are offered."""
BRIEF, LONG = 4, 2048
"""Tokens an answer may have; of a model that thinks first, with what it thinks."""
SLOWEST = 900.0
"""Seconds waited for an answer with what is thought, eight of them under way: some two tokens a second each."""
TRIED, UNUSABLE = 20, 0.5
"""When, after so many texts, this share of the answers names no label, the model can't be asked like this."""
UNFIT = (400, 413, 422)
"""Statuses of a server that refuses this text, for its length or what it says, and may well take the next."""
NEUTRAL = "A short text."
"""Asked about to find out how a server answers: whatever it refuses then isn't refused for the text."""


def is_endpoint(model: str | None) -> bool:
    """Whether a MODEL argument names a server."""
    return str(model or "").startswith(("http://", "https://"))


class EndpointEngine(Engine):
    """Texts in, probabilities out, a request a text."""

    capabilities = frozenset({"scores"})
    is_asked = True

    def __init__(
        self,
        address: str,
        labels: Sequence[str],
        *,
        words: Mapping[str, str] | None = None,
        prompt: str | None = None,
        examples: Sequence[tuple[Text, str]] = (),
        chinese: bool | None = None,
        cache: Path | None = None,
    ):
        """Find the server's model; nothing is asked about texts yet.

        Args:
            address: http://HOST/v1#MODEL; without #MODEL the only one it serves.
            words: What is said for a label, where its name doesn't say it.
            prompt: The question; {text} is the text, {pair} the second of two.
            examples: Texts with their labels, shown before each question.
            chinese: Whether it is asked in Chinese; None: where the labels' words, the prompt or the examples are.
            cache: A folder in which answers are kept.

        Raises:
            UserError: no server, no such model, too many labels.
        """
        self.question = Question(labels, words=words, prompt=prompt, examples=examples, chinese=chinese)
        url, _, model = address.partition("#")
        self.server = Server(url=url)
        self.model = self.server.named(model)
        self.labels = self.question.labels
        self.name = self.model.rstrip("/").split("/")[-1]
        self.undecided = 0
        self.scale, self.shift = np.ones(len(self.labels)), np.zeros(len(self.labels))
        self._chat = Chat()
        self._lock, self._last, self._thinking, self._top = threading.Lock(), "", False, TOP
        self._kept = KeptAnswers(self._file(cache) if cache is not None else None)

    @property
    def encoder(self) -> TextEncoder:  # pyrefly: ignore
        raise UserError("an endpoint keeps its tokenizer to itself")

    @property
    def size_bytes(self) -> int:
        """Not known: the weights are the server's."""
        return 0

    @property
    def num_parameters(self) -> int:
        return 0

    @property
    def way(self) -> str:
        """How its probabilities come about, for the report; known once something was asked."""
        return {
            "logprobs": f"the probabilities of the labels' letters among its {self._top} likeliest first tokens",
            "drawn": f"{DRAWN} drawn answers a text, each counting one, and one more shared by all labels",
            "hard": "one answer a text, counting one, and one more shared by all labels",
            "thought": f"one answer a text, after up to {LONG:,} tokens of thinking, counting one, and one more shared by all"
            " labels",
        }.get(self._kept.way, "")

    def logits(self, token_ids: np.ndarray, mask: np.ndarray, type_ids: np.ndarray | None = None) -> np.ndarray:
        raise UserError("an endpoint reads texts, not token ids; call text_logits or scores")

    def text_logits(self, texts: Sequence[Text], tokens_per_batch: int | None = None) -> np.ndarray:
        """Logarithms of the probabilities; texts that were asked before cost nothing."""
        single = any(isinstance(text, str) for text in texts)
        require(
            not single or "{pair}" not in (self.question.prompt or ""),
            "the prompt names a {pair}, but the text is a single one",
        )
        known = self._kept.found
        keys = [text_digest(text).hex() for text in texts]
        new = list({key: text for key, text in zip(keys, texts, strict=True) if key not in known}.items())
        if new:
            if not self._kept.way:
                self._find_way(NEUTRAL if isinstance(new[0][1], str) else (NEUTRAL, NEUTRAL))
            try:
                with ThreadPoolExecutor(AT_ONCE) as pool:
                    try:
                        for found in pool.map(lambda item: self._ask_and_keep(*item), new):
                            if found is None:  # all answers are counted then, and not at each of them
                                self._stop_if_unusable()
                    except BaseException:
                        pool.shutdown(wait=False, cancel_futures=True)
                        raise
            except Unusable:
                self._kept.forget_undecided()
                raise
        self.undecided = sum(known[key] is None for key in set(keys))
        if self.undecided:
            log.warning(
                "warning: %s names no label for %d of %d texts, which stay undecided between all labels; change --prompt, show it"
                " examples with --few-shot, or take a model that follows instructions", self.model, self.undecided, len(set(keys)),
            )  # fmt: skip
        even = [-math.log(len(self.labels))] * len(self.labels)
        said = np.array([known[key] or even for key in keys], dtype=np.float32).reshape(len(texts), len(self.labels))
        return (said * self.scale + self.shift).astype(np.float32)

    def calibrate(self, texts: Sequence[Text], labels: Sequence[str]) -> None:
        """Fit a scale and a shift for each label to labelled texts, which are asked about, or one temperature."""
        gold = np.array([self.labels.index(label) for label in labels])
        self.scale, self.shift = fit_few(self.text_logits(texts), gold)

    def unasked(self, texts: Sequence[Text]) -> list[Text]:
        """Those that no answer is known of."""
        known = self._kept.found
        return [text for text in texts if text_digest(text).hex() not in known]

    def _stop_if_unusable(self) -> None:
        with self._lock:
            answers = list(self._kept.found.values())
        without = sum(answer is None for answer in answers)
        if len(answers) >= TRIED and without > UNUSABLE * len(answers):
            if self._thinking:
                raise self._no_end()
            raise Unusable(
                f"{self.model} names no label in {without} of {len(answers)} answers (the last: {self._last[:60]!r}); change"
                " --prompt, show it examples with --few-shot, or take a model that follows instructions"
            )

    def _ask_and_keep(self, key: str, text: Text) -> list[float] | None:
        try:
            found, kept = self._ask(text), True
        except Refused as error:
            if error.status not in UNFIT:
                raise self._no(error) from None
            # known for this run alone: nothing was paid for it, and another server may take it
            found, kept = None, False
            start = (text if isinstance(text, str) else text[0])[:60]
            self._last = error.said
            log.warning(
                "warning: %s refuses a text, which stays undecided: %r (%s)", self.model, start, error.said,
                extra={"quotes": (start, error.said)},
            )  # fmt: skip
        with self._lock:
            if kept:
                self._kept.keep(key, found)
            else:
                self._kept.found[key] = found
        return found

    def _find_way(self, text: Text) -> None:
        """Probabilities where the server offers them, else several answers, else one."""
        way = self._way_of_one_request(text) or self._way_of_several_answers(text)
        if way == "thought":
            log.warning(
                "warning: %s thinks before it answers, up to %s tokens a text: slow, and dear where tokens cost; a model that"
                " answers at once, or its thinking switched off at the server, takes a fraction", self.model, f"{LONG:,}",
            )  # fmt: skip
            self._kept.way = way
            choice = self._one_answer(text)
            if choice is None or not content(choice).strip():
                self._kept.way = ""
                raise self._no_end()
        self._kept.keep_way(way)
        log.info("%s at %s: %s", self.model, self.server.url, self.way)

    def _way_of_one_request(self, text: Text) -> str:
        """Probabilities, where one request gives them; nothing where it doesn't."""
        try:
            choice = self._choices(text, logprobs=True)[0]
        except Refused as error:
            if error.ran_out:
                return "thought"
            if error.status != 400 and error.status != 422 and "logprob" not in error.said:
                raise self._no(error) from None
            return ""
        return "thought" if thinks(choice) else "logprobs" if first_tokens(choice) else ""

    def _way_of_several_answers(self, text: Text) -> str:
        try:
            choices = self._choices(text, number=DRAWN)
        except Refused as error:
            log.debug("no several answers at once: %s", error.said)
            one = self._one_answer(text)
            return "thought" if one is None or thinks(one) or used_up(one) else "hard"
        if thinks(choices[0]) or used_up(choices[0]):
            return "thought"
        return "drawn" if len(choices) == DRAWN else "hard"

    def _one_answer(self, text: Text) -> dict[str, Any] | None:
        """An answer to the plainest request, which no server may refuse; None where thinking took all tokens."""
        try:
            return self._choices(text)[0]
        except Refused as error:
            if error.ran_out:
                return None
            raise self._no(error) from None

    def _ask(self, text: Text) -> list[float] | None:
        """Log-probabilities of the labels, rounded as they are kept; None where no answer names one.

        Raises:
            Refused: the server won't read this text, or won't be asked like this.
        """
        letters = self._kept.way == "logprobs"
        try:
            choices = self._choices(text, logprobs=letters, number=DRAWN if self._kept.way == "drawn" else 1)
        except Refused as error:
            if letters or not error.ran_out:
                raise
            self._last, self._thinking = error.said, True
            return None  # an answer, and paid for
        if letters:
            found = letter_shares(first_tokens(choices[0]), len(self.labels))
        else:
            found = counted([self.question.named(content(choice)) for choice in choices], len(self.labels))
        if found is not None:
            return [round(math.log(share), 6) for share in found]
        brief = not letters and used_up(choices[0])
        self._last, self._thinking = content(choices[0]), thinks(choices[0]) or brief
        return None

    def _choices(self, text: Text, *, logprobs: bool = False, number: int = 1) -> list[dict[str, Any]]:
        """The answers of one request.

        Raises:
            UserError: what comes back isn't what a chat endpoint answers.
        """
        tokens = LONG if self._kept.way == "thought" else BRIEF
        body: dict[str, Any] = {
            "model": self.model,
            "messages": self.question.messages(text),
            "max_tokens": tokens,
            "temperature": 0,
        }
        body |= {"logprobs": True, "top_logprobs": self._top, "max_tokens": 1} if logprobs else {}
        body |= {"n": number, "temperature": 1} if number > 1 else {}
        server = self.server if tokens == BRIEF else replace(self.server, timeout=max(SLOWEST, self.server.timeout))
        try:
            answer = self._chat.post(server, body)
        except Refused as error:
            if not logprobs or "top_logprobs" not in error.said or self._top <= FEWER:
                raise
            self._top = FEWER
            return self._choices(text, logprobs=True)
        choices = answer.get("choices")
        if not isinstance(choices, list) or not choices or not all(isinstance(one, dict) for one in choices):
            raise UserError(
                f"{self.server.url} doesn't answer as an OpenAI-compatible server: no choices in {str(answer)[:80]!r}"
            )
        return choices

    def _no_end(self) -> UserError:
        return Unusable(
            f"{self.model} thinks before it answers, and names no label within {LONG:,} tokens; switch its thinking off at the"
            " server, or take a model that answers at once"
        )

    def _no(self, error: Refused) -> UserError:
        return UserError(f"{self.server.url} refuses to answer as {self.model!r}: {error.said}")

    def _file(self, cache: Path) -> Path:
        """Where the answers of this server to this question are kept."""
        question = self.question
        asked = [self.server.url, self.model, self.labels, question.messages(""), question.prompt, TOP, DRAWN]
        address = hashlib.sha256(json.dumps(asked, ensure_ascii=False).encode()).hexdigest()[:24]
        return cache / f"{address}.jsonl"
