"""Print the messages that have no Chinese in src/llamita/core/messages.zh.toml, ready to be filled in there.

    python tools/missing_messages.py            what is missing, as lines for [messages]
    python tools/missing_messages.py --stale    what stands there and is said no more

A message is what reaches the user: the text of UserError, require and ArgumentTypeError, of log lines, of what the command
line prints through `said`, of findings of the data check, and of --help. Parts of an f-string become slots {0}, {1} …; a
part that is itself chosen among texts (`'a' if x else 'b'`, or a variable set to a text in the same function) counts as a
message, too.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from llamita.core.registry import entries

ROOT = Path(__file__).resolve().parents[1] / "src" / "llamita"
CATALOGUE = ROOT / "core" / "messages.zh.toml"
ARGUMENTS = {
    "UserError": (0,), "require": (1,), "said": (0,), "found_in": (4, 5), "Parser": (1,), "parser_of_rows": (1, 2),
    "add_argument_group": (0,), "_add_question": (1,), "add_near": (1,),
}  # fmt: skip
"""Which arguments of which calls are messages."""
RETURNED = {
    "core/errors.py": ("did_you_mean",), "data/cells.py": ("rows_text",), "data/decode.py": ("convert_remedy", "_undecodable"),
    "data/delimited.py": ("_quote_advice", "_hint"), "data/columns.py": ("_listed",),
    "tasks/splits.py": ("_no_label_hint",), "measure/_flops.py": ("mean_flops",), "measure/quality.py": ("one_answer",),
    "candidates.py": ("name",),
    "_cli/failures.py": ("_user_line", "_missing_extra", "_system_line", "_damaged_model", "_bug_line"),
}  # fmt: skip
"""Functions that return messages."""
LISTED = {
    "_cli/show.py": ("TITLES", "UNITS"), "core/recipe_task.py": ("TASK_SETTINGS",), "_cli/data_check.py": ("SPLITS",),
    "data/lengths.py": ("SCRIPTS",), "data/manner.py": ("SIGNS",), "data/mend.py": ("SET_ASIDE",), "cli.py": ("VERBS", "ROOMS"),
    "_cli/tables.py": ("VERBS",),
}  # fmt: skip
"""Dictionaries whose values, or the last of each, are messages, and tuples of them."""


def collected(root: Path = ROOT) -> dict[str, str]:
    """Every message of the package, and the place it is said first."""
    found: dict[str, str] = {}
    for file in sorted(root.rglob("*.py")):
        place = file.relative_to(root).as_posix()
        for text, line in _of_file(ast.parse(file.read_text(encoding="utf-8")), place):
            if re.search(r"[A-Za-z]{2}", re.sub(r"\{\d+\}", "", text)):
                found.setdefault(text, f"{place}:{line}")
    if root == ROOT:
        for entry in entries().values():
            found |= {entry.summary: entry.name} | {setting.help: entry.name for setting in entry.settings}
    return found


def _of_file(tree: ast.Module, place: str) -> Iterator[tuple[str, int]]:
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    returned = {f"{function.name}()": _returned(function) for function in functions}
    for scope in [tree, *functions]:
        names = _texts_by_name(scope) | returned
        for node in ast.walk(scope):
            for expression, before in _messages_in(node):
                yield from ((before + _shifted(t, before), node.lineno) for t in _templates(expression, names))
                yield from ((t, node.lineno) for t in _inner(expression, names))
        if isinstance(scope, ast.FunctionDef) and scope.name in RETURNED.get(place, ()):
            for node in ast.walk(scope):
                if isinstance(node, ast.Return) and node.value is not None:
                    yield from ((t, node.lineno) for t in _templates(node.value, names))
                    yield from ((t, node.lineno) for t in _inner(node.value, names))
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in LISTED.get(place, ()):
            assert isinstance(node.value, ast.Dict | ast.Tuple)
            listed = node.value.values if isinstance(node.value, ast.Dict) else node.value.elts
            values = [value.elts[-1] if isinstance(value, ast.Tuple) else value for value in listed]
            yield from ((t, node.lineno) for value in values for t in _templates(value, {}))


def _messages_in(node: ast.AST) -> Iterator[tuple[ast.expr, str]]:
    """The messages a node says, each with what the argument parser sets before it."""
    if not isinstance(node, ast.Call):
        return
    name = getattr(node.func, "id", getattr(node.func, "attr", ""))
    if name in ARGUMENTS:
        yield from ((node.args[i], "") for i in ARGUMENTS[name] if i < len(node.args))
    if name in ("Report", "Subject"):
        yield from ((keyword.value, "") for keyword in node.keywords if keyword.arg in ("title", "name"))
    if name == "BadRow" and len(node.args) > 2:
        yield node.args[2], "{0}:{1}: "
    if name in ("DataFinding", "Trace"):
        said = ("message", "what", "remedy")
        yield from ((keyword.value, "") for keyword in node.keywords if keyword.arg in said)
    if name.startswith("add"):
        yield from ((keyword.value, "") for keyword in node.keywords if keyword.arg == "help")
    if name in ("Finding", "replace"):
        yield from ((keyword.value, "") for keyword in node.keywords if keyword.arg == "reason")
    if name == "ArgumentTypeError":
        starts = next(_templates(node.args[0], {}), "").split(" ")[0]
        yield node.args[0], "{0} " if starts in ("must", "knows") else "{0}: "
    if name in ("info", "warning", "error") and "log" in ast.unparse(node.func) and node.args:
        yield node.args[0], "%" if len(node.args) > 1 else ""
        yield from ((argument, "only parts") for argument in node.args[1:])


def _returned(function: ast.FunctionDef) -> list[ast.expr]:
    """What a function of the file returns, which is a message where its call stands for one."""
    names = _texts_by_name(function)
    values = [node.value for node in ast.walk(function) if isinstance(node, ast.Return) and node.value is not None]
    return [text for value in values for text in (names.get(value.id, []) if isinstance(value, ast.Name) else [value])]


def _shifted(template: str, before: str) -> str:
    taken = len(re.findall(r"\{\d\}", before))
    return re.sub(r"\{(\d+)\}", lambda m: f"{{{int(m[1]) + taken}}}", template)


def _texts_by_name(scope: ast.AST) -> dict[str, list[ast.expr]]:
    """The expressions each variable is set to; what `+=` puts after it stands behind a slot."""
    found: dict[str, list[ast.expr]] = {}
    for node in ast.walk(scope):
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name) and isinstance(node.op, ast.Add):
            longer = [ast.BinOp(node.target, ast.Add(), added) for added in _branches(node.value) if _written(added)]
            found.setdefault(node.target.id, []).extend(longer)
        pairs = [(t, node.value) for t in node.targets] if isinstance(node, ast.Assign) else []
        for target, value in pairs:
            if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                pairs += list(zip(target.elts, value.elts, strict=False))
            elif isinstance(target, ast.Name):
                found.setdefault(target.id, []).append(value)
    return found


def _templates(node: ast.expr, names: dict[str, list[ast.expr]]) -> Iterator[str]:
    """The messages an expression may be, with numbered slots."""
    if isinstance(node, ast.IfExp):
        yield from _templates(node.body, names)
        yield from _templates(node.orelse, names)
    elif isinstance(node, ast.Name):
        for value in names.get(node.id, []):
            yield from _templates(value, {})
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        for value in names.get(f"{node.func.id}()", []):
            yield from _templates(value, {})
    elif isinstance(node, ast.BinOp) and len(sums := _branches(node)) > 1:
        for one in sums:
            yield from _templates(one, names)
    elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("replace", "strip", "rstrip", "format"):
        for text in _templates(node.func.value, names):  # type: ignore[attr-defined]
            yield _numbered(text, r"\{\{\}\}") if node.func.attr == "format" else text  # type: ignore[attr-defined]
    elif text := _written(node):
        yield _numbered(text, "\0")


def _branches(node: ast.expr) -> list[ast.expr]:
    """The expressions that one with `a if x else b` in it, alone or in a sum, comes to."""
    if isinstance(node, ast.IfExp):
        return [*_branches(node.body), *_branches(node.orelse)]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        pairs = [(left, right) for left in _branches(node.left) for right in _branches(node.right)]
        return [ast.BinOp(left, ast.Add(), right) for left, right in pairs]
    return [node]


def _written(node: ast.expr) -> str:
    """A text with a mark for each part that isn't fixed; empty where nothing is."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value.replace("{", "{{").replace("}", "}}")
    if isinstance(node, ast.JoinedStr):
        return "".join(_written(value) if isinstance(value, ast.Constant) else "\0" for value in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _written(node.left), _written(node.right)
        empty = [isinstance(side, ast.Constant) and side.value == "" for side in (node.left, node.right)]
        return (left or "\0" * (not empty[0])) + (right or "\0" * (not empty[1])) if left or right else ""
    return ""


def _numbered(text: str, mark: str) -> str:
    numbers = iter(range(99))
    return re.sub(mark, lambda _: f"{{{next(numbers)}}}", text)


def _inner(node: ast.expr, names: dict[str, list[ast.expr]]) -> Iterator[str]:
    """Messages that may stand in the slots of one."""
    for part in ast.walk(node):
        if isinstance(part, ast.FormattedValue) and isinstance(part.value, (ast.IfExp, ast.Name)):
            yield from _prose(part.value, names)
        elif isinstance(part, ast.Name):
            for value in names.get(part.id, []):
                for piece in ast.walk(value):
                    if isinstance(piece, ast.FormattedValue) and isinstance(piece.value, (ast.IfExp, ast.Name)):
                        yield from _prose(piece.value, names)


def _prose(node: ast.expr, names: dict[str, list[ast.expr]]) -> Iterator[str]:
    """Only what reads as words: a plural's "s" or a file's name needs no Chinese."""
    for text in _templates(node, names):
        if re.search(r"[a-z]{2,} \S|^ [a-z]{2}", re.sub(r"\{\d+\}", "x", text)):
            yield text


def _log_slots(template: str) -> str:
    return _numbered(re.sub(r"%%", "\1", template), r"%[-+ 0-9.]*[sdfgr]").replace("\1", "%")


def messages(root: Path = ROOT) -> dict[str, str]:
    """`collected` with the slots of log lines numbered."""
    found: dict[str, str] = {}
    for text, place in collected(root).items():
        if text.startswith("only parts"):
            continue
        found.setdefault(_log_slots(text[1:]) if text.startswith("%") else text, place)
    return found


def unsaid(root: Path = ROOT) -> list[str]:
    """Where the command line prints or asks words that it doesn't say in the language spoken."""
    found = []
    for file in sorted((root / "_cli").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("print", "input", "ask"):
                words = [text for argument in node.args for text in map(_written, _branches(argument))]
                if re.search(r"[A-Za-z]{2}", " ".join(words)):
                    found.append(f"{file.relative_to(root).as_posix()}:{node.lineno}")
    return found


def main() -> int:
    known = tomllib.loads(CATALOGUE.read_text(encoding="utf-8")).get("messages", {}) if CATALOGUE.exists() else {}
    said = messages()
    if "--stale" in sys.argv:
        print("\n".join(text for text in known if text not in said) or "nothing is stale")
        return 0
    missing = {text: place for text, place in said.items() if text not in known}
    for text, place in missing.items():
        quoted = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\x00", "\\u0000")
        print(f'"{quoted}" = ""  # {place}')
    for place in unsaid():
        print(f"{place}: printed as it is; put said() around it", file=sys.stderr)
    print(f"{len(missing)} of {len(said)} messages have no Chinese", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    raise SystemExit(main())
