"""Token ids of a piece of text as it stands in the middle of running text.

SentencePiece's tokenizers (Llama 2, Mistral, TinyLlama) put a space before whatever they read: " good" by itself is "▁" and
"▁good", and "\\nLabel:" begins with a "▁" that no running text has. Such a piece is read behind an anchor, whose tokens are
cut off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

ANCHORS = ("\n", ":", ".", "：")
"""Texts that pieces are read behind; the first whose tokens stay what they are is taken."""


def tokens_alone(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """Token ids of a text that begins where reading begins."""
    return tokenizer(text, add_special_tokens=False)["input_ids"] if text else []  # type: ignore[return-value]


def puts_a_space(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether it reads a text as if a space stood before it."""
    alone = [*tokens_alone(tokenizer, "a"), *tokens_alone(tokenizer, "b")]
    return tokens_alone(tokenizer, "a b") == alone


def tokens_within(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """Token ids of a text that other text stands before."""
    if text and puts_a_space(tokenizer):
        for anchor in ANCHORS:
            before, ids = tokens_alone(tokenizer, anchor), tokens_alone(tokenizer, anchor + text)
            if ids[: len(before)] == before:
                return ids[len(before) :]
    return tokens_alone(tokenizer, text)
