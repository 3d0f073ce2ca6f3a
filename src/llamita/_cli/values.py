"""Values on the command line: sizes, latencies, columns, gates and settings."""

from __future__ import annotations

import argparse
import ast
import math
import operator
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from llamita.core.checked import MOST_SEED
from llamita.core.errors import UserError, did_you_mean
from llamita.core.hardware import num_cores

COMMA = r"[,，、]"
"""What stands between names: also the full-width comma and the mark that Chinese lists have."""
UNQUOTED = '(?=(?:[^"]*"[^"]*")*[^"]*$)'
"""Behind a character that stands in no quotes."""
OF_TEXTS = ("text", "pair", "label", "labels")
OF_DIALOGUES = ("messages", "prompt", "input", "answer", "system", "history")
"""What --columns may say that a column of texts or of dialogues is."""
BYTES = {"": 1, "b": 1, "k": 10**3, "kb": 10**3, "m": 10**6, "mb": 10**6, "g": 10**9, "gb": 10**9,
         "kib": 2**10, "mib": 2**20, "gib": 2**30}  # fmt: skip
MILLISECONDS = {"": 1.0, "ms": 1.0, "s": 1000.0, "us": 0.001, "µs": 0.001}


def _quantity(text: str, units: Mapping[str, float], example: str) -> float:
    match = re.fullmatch(r"\s*([0-9]*\.?[0-9]+(?:e[0-9]+)?)\s*([a-zµ]*)\s*", text.lower())
    if not match or match[2] not in units or not 0 < float(match[1]) < math.inf:
        raise argparse.ArgumentTypeError(f"must be more than 0 and look like {example}, got {text!r}")
    return float(match[1]) * units[match[2]]


def size(text: str) -> int:
    """Bytes: "20MB" is 20 x 10^6, "1MiB" 2^20, a bare number bytes."""
    return round(_quantity(text, BYTES, "20MB or 500kB"))


def latency(text: str) -> float:
    """Milliseconds: "5ms", "0.5s", a bare number milliseconds."""
    return _quantity(text, MILLISECONDS, "5ms")


def positive(text: str) -> int:
    """A whole number from 1 on."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 on, got {text!r}")
    return int(text)


def threads(text: str) -> int:
    """A number of threads, of which far more than there are cores would hang or fail inside a library."""
    number, most = positive(text), max(64, 4 * num_cores())
    if number > most:
        raise argparse.ArgumentTypeError(f"must be at most {most} on this machine of {num_cores()} cores, got {text!r}")
    return number


def seed(text: str) -> int:
    """A whole number from 0 on that all libraries take."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 on, got {text!r}")
    if int(text) > MOST_SEED:
        raise argparse.ArgumentTypeError(f"must be at most {MOST_SEED}, got {text!r}")
    return int(text)


def number(text: str) -> float:
    """A finite number."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not abs(value) < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number, got {text!r}")
    return value


def share_or_file(text: str) -> float | str:
    """A number, or the name of a file."""
    try:
        return float(text)
    except ValueError:
        return text


def share(text: str) -> float:
    """A number from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"must be a share from 0 to 1, got {text!r}")
    return value


def prompt(text: str) -> str:
    r"""A question on the command line, where \n stands for a new line."""
    return text.replace("\\n", "\n")


def columns(text: str) -> dict[str, str]:
    """ "text=review,label=stars" as a mapping; after labels= more names may follow: text=comment,labels=toxic,insult."""
    found: dict[str, str] = {}
    role = ""
    for part in re.split(COMMA, text):
        if role.strip() == "labels" and not re.search("[=＝]", part) and part.strip():
            found["labels"] += f",{part.strip()}"
            continue
        role, equals, name = part.replace("＝", "=").partition("=")
        if not equals or not role.strip() or not name.strip():
            raise argparse.ArgumentTypeError(f"must look like text=review,label=stars, got {text!r}")
        if role.strip() not in (*OF_TEXTS, *OF_DIALOGUES):
            hint = did_you_mean(role.strip(), (*OF_TEXTS, *OF_DIALOGUES))
            raise argparse.ArgumentTypeError(
                f"knows the roles {', '.join(OF_TEXTS)}, and of dialogues {', '.join(OF_DIALOGUES)}, got {role.strip()!r}.{hint}"
            )
        found[role.strip()] = name.strip()
    return found


def _listed(text: str) -> list[str]:
    """What stands between commas, as it stands; in quotes that are closed a comma is none."""
    return [part.strip() for part in re.split(COMMA + UNQUOTED if _is_quoted(text) else COMMA, text)]


def _is_quoted(text: str) -> bool:
    return text.count('"') % 2 == 0


def _bare(name: str) -> str:
    """A name without its quotes."""
    return re.sub('"([^"]*)"', r"\1", name).strip() if _is_quoted(name) else name.strip()


def names(text: str) -> tuple[str, ...]:
    """ "a,b,c" as names; in quotes a name may hold a comma: '"a, b",c'."""
    found = tuple(map(_bare, _listed(text)))
    if not all(found) or len(set(found)) < len(found):
        raise argparse.ArgumentTypeError(f"must be different names with commas between, got {text!r}")
    return found


def labels(text: str) -> dict[str, str]:
    """Labels and the words that are said for them: good,bad or 1=good,0=bad; in quotes one may hold a comma or an equals sign."""
    names(text)
    found = {}
    for part in _listed(text):
        label, equals, word = _at_equals(part)
        if not label or label in found:
            raise argparse.ArgumentTypeError(f"labels must be different names, got {text!r}")
        if equals and not word:
            raise argparse.ArgumentTypeError(f"{label} is to be said in a word, as in 1=good,0=bad; got {text!r}")
        found[label] = word or label
    return found


def _at_equals(part: str) -> tuple[str, bool, str]:
    """What stands before the first equals sign outside quotes, whether there is one, and what stands behind."""
    split = re.split("[=＝]" + UNQUOTED if _is_quoted(part) else "[=＝]", part, maxsplit=1)
    return _bare(split[0]), len(split) > 1, _bare(split[-1]) if len(split) > 1 else ""


def as_names(found: Mapping[str, str]) -> str:
    """What `labels` reads as these labels and words."""
    quoted = {one: f'"{one}"' if re.search(f"{COMMA}|[=＝]", one) and '"' not in one else one
              for one in (*found, *found.values())}  # fmt: skip
    said = (quoted[label] if label == word else f"{quoted[label]}={quoted[word]}" for label, word in found.items())
    return ",".join(said)


def names_or_none(text: str) -> tuple[str, ...]:
    """ "a,b,c" as names; "none" for none."""
    return () if text.strip() == "none" else names(text)


COMPARISONS = {"<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge}


class Gate:
    """A condition such as "accuracy<0.9" that must not hold."""

    def __init__(self, text: str):
        match = re.fullmatch(r"\s*([\w.]+)\s*(<=|>=|<|>)\s*([0-9.eE+-]+)\s*", text)
        try:
            self.name, self.sign, self.limit = (match[1], match[2], float(match[3])) if match else ("", "", 0.0)
        except ValueError:
            match = None
        if not match:
            raise argparse.ArgumentTypeError(f"must look like accuracy<0.9 (in quotes, for the shell), got {text!r}")
        self.text = text

    def names(self, known: Iterable[str]) -> bool:
        """Whether it means one of these values, by the whole name or by what stands after its dot."""
        return any(self.name in (name, name.split(".")[-1]) for name in known)

    def holds_for(self, found: Mapping[str, float | None]) -> bool:
        """Whether a value of this name (whole, or after its dot) lies where it must not; one that is missing or no number does."""
        match = [key for key in found if self.name in (key, key.split(".")[-1])]
        if not match:
            known = ", ".join(key.split(".")[-1] for key in found)
            raise UserError(f"--fail-if: no value {self.name!r}.{did_you_mean(self.name, found)} Values: {known}.")
        value = found[match[0]]
        if value is None or math.isnan(value):
            return True
        return COMPARISONS[self.sign](value, self.limit)


def choices_of(annotation: str) -> tuple[Any, ...]:
    """The values of `Literal["a", "b"]`, also inside a union; empty for other annotations."""
    found: list[Any] = []
    for match in re.finditer(r"Literal\[([^\]]*)\]", annotation):
        value = ast.literal_eval(f"({match[1]},)")
        found += value
    return tuple(found)


def sequence_of(annotation: str) -> str | None:
    """The element type of `tuple[int, ...]` or `Sequence[str]`; None for other annotations."""
    match = re.search(r"(?:tuple|Sequence|list)\[(\w+)", annotation)
    return match[1] if match else None


def overridden(data: Any, assignments: Sequence[str]) -> Any:
    """Plain data with `a.b.0.c=value` set; a method named alone gets a place for settings, and in quotes a name may hold a dot or
    an equals sign."""
    import yaml

    for assignment in assignments:
        named = re.fullmatch(r'((?:"[^"]*"|[^"=])+|[^=]+)=(.*)', assignment, re.DOTALL)
        if not named:
            raise UserError(f"overrides look like seed=1 or steps.0.keep=4, got {assignment!r}")
        path, text = named.groups()
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError:
            raise UserError(f"{path}: can't read the value {text!r}") from None
        keys = [_bare(key) for key in re.split(r"\." + UNQUOTED if _is_quoted(path) else r"\.", path)]
        data = _set(data, keys, value, assignment)
    return data


def _set(data: Any, keys: list[str], value: Any, shown: str) -> Any:
    if not keys:
        return value
    key, rest = keys[0], keys[1:]
    if isinstance(data, list):
        if not key.isdecimal() or int(key) >= len(data):
            if not data:
                raise UserError(
                    f"{shown}: the list that {key!r} is to be in is empty; write it whole, such as steps=[finetune]"
                )
            raise UserError(f"{shown}: {key!r} must be a place from 0 to {len(data) - 1}")
        item = data[int(key)]
        if rest and isinstance(item, str):
            item = {item: {}}
        if rest and isinstance(item, dict) and len(item) == 1 and not _num_parts(item, rest):
            method, settings = next(iter(item.items()))
            new: Any = {method: _set(settings or {}, rest, value, shown)}
        else:
            new = _set(item, rest, value, shown)
        return [*data[: int(key)], new, *data[int(key) + 1 :]]
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise UserError(f"{shown}: nothing stands under {key!r}")
    parts = _num_parts(data, keys) or 1
    named, rest = ".".join(keys[:parts]), keys[parts:]
    key = next((key for key in data if _written(key) == named), named)
    if key not in data and (near := next((one for one in data if _written(one).startswith(f"{named}=")), None)):
        raise UserError(f'{shown}: a name that holds an equals sign stands in double quotes, as in "{near}"=…')
    return {**data, key: _set(data.get(key), rest, value, shown)}


def _written(key: Any) -> str:
    """A key as a path has it, which may be a number or a truth value in YAML."""
    return str(key).lower() if isinstance(key, bool) else str(key)


def _num_parts(data: Mapping[str, Any], keys: list[str]) -> int:
    """How many of the words between dots are one key of the data, whose names may hold dots; 0: none is."""
    known = set(map(_written, data))
    return next((n for n in range(len(keys), 0, -1) if ".".join(keys[:n]) in known), 0)
