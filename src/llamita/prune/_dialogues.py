"""Dialogues as a chat model reads them: pruning looks at what its template writes, not at the file's JSON."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from llamita.core.chat import rendered
from llamita.core.task import Split, Task, Worded
from llamita.data.dialogues import messages_of

if TYPE_CHECKING:
    from llamita.core.task import Text


def as_read(task: Task, split: Split, tokenizer: Any) -> Split:
    """A split of the task as the model reads it: of dialogues what is written, of anything else what it is."""
    if not isinstance(task, Worded):
        return split
    return replace(split, texts=tuple(_written(text, tokenizer) for text in split.texts))


def task_as_read(task: Task | None, tokenizer: Any) -> Task | None:
    """The task with all that a model may learn from as the model reads it."""
    if not isinstance(task, Worded):
        return task
    names = ("train", "select", "unlabelled")
    return replace(task, **{name: as_read(task, task.split(name), tokenizer) for name in names})


def _written(text: Text, tokenizer: Any) -> str:
    """A dialogue by the model's chat template; without one, what is said, a line each."""
    messages = messages_of(str(text))
    if tokenizer.chat_template:
        return rendered(tokenizer, messages)
    return "\n".join(message["content"] for message in messages)
