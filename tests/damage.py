"""Puts named kinds of damage into a clean table of texts and labels, and says in which lines: for tests and bench/damage.py."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from tests.damaged_corpus import PARTED, Corpus, Lines, Row, json_line


@dataclass(frozen=True, kw_only=True)
class Damage:
    """A kind of damage: what it does, and which kind of finding tells it ("" for a file that is refused)."""

    name: str
    kind: str
    put: Callable[[Corpus], Lines]
    """Damages the corpus and says which rows are hurt; none stands for the header, or the file as a whole."""
    alone: bool = False
    """Whether it spoils the whole file, so that nothing else can be told of it."""
    language: str = ""
    """The only one it makes sense in."""


def _text(change: Callable[[str], str]) -> Callable[[Corpus], Lines]:
    def put(corpus: Corpus) -> Lines:
        row = corpus.pick()
        row.text = change(row.text)
        return [row]

    return put


def _label(change: Callable[[str], str]) -> Callable[[Corpus], Lines]:
    def put(corpus: Corpus) -> Lines:
        row = corpus.pick()
        row.label = change(row.label)
        return [row]

    return put


def _raw(change: Callable[[str, str], bytes]) -> Callable[[Corpus], Lines]:
    def put(corpus: Corpus) -> Lines:
        row = corpus.pick()
        row.raw = change(row.text.replace(",", " ").replace('"', ""), row.label)
        return [row]

    return put


def _word(text: str, word: str) -> str:
    """The text with a word in its middle."""
    at = text.find(" ", len(text) // 2)
    at = len(text) // 2 if at < 0 else at
    return f"{text[:at]} {word}{text[at:]}"


def _again(change: Callable[[Row], Row]) -> Callable[[Corpus], Lines]:
    def put(corpus: Corpus) -> Lines:
        row = change(corpus.pick())
        corpus.train.append(row)
        return [row]

    return put


def _conflict(corpus: Corpus) -> Lines:
    row = corpus.pick()
    other = next(r.label for r in corpus.train if r.label != row.label)
    corpus.train.append(Row(row.text, other))
    return [row]


def _leak(change: Callable[[str], str]) -> Callable[[Corpus], Lines]:
    def put(corpus: Corpus) -> Lines:
        row = corpus.pick()
        corpus.test.append(Row(change(row.text), row.label))
        return [row]

    return put


def _leaks_in_other_characters(corpus: Corpus) -> Lines:
    row = corpus.pick()
    row.text = "这个电脑的键盘很难用，声音也很响，我们后来换了别的牌子"
    corpus.test.append(Row("這個電腦的鍵盤很難用，聲音也很響，我們後來換了別的牌子", row.label))
    return [row]


def _full_width(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else "\u3000" if c == " " else c for c in text)


def _swapped(corpus: Corpus) -> Lines:
    row = corpus.pick()
    row.text, row.label = row.label, row.text
    return [row]


def _unknown_in_test(corpus: Corpus) -> Lines:
    corpus.test.append(Row("something that stands nowhere else in all of this", "sarcastic"))
    return corpus.test[-1:]


def _pairs_in_test(corpus: Corpus) -> Lines:
    corpus.test_header = "premise,hypothesis,label"
    for row in corpus.test:
        row.text += PARTED + row.text[::-1]
    return corpus.test[:1]


def _many_labels(corpus: Corpus) -> Lines:
    for at, row in enumerate([*corpus.train, *corpus.test]):
        row.label = f"{_identifier(at % (len(corpus.train) // 2))}"
    return corpus.train


def _identifier(number: int) -> int:
    """A number that looks like an identifier, another for each."""
    return (number * 7919 + 10_007) % 1_000_003


def _in_json(change: Callable[[Row], object]) -> Callable[[Corpus], Lines]:
    """One line of a JSONL file is what `change` makes of its row: text as it stands, anything else as JSON."""

    def put(corpus: Corpus) -> Lines:
        corpus.form, corpus.header = "jsonl", ""
        row = next(row for row in corpus.free if row is not corpus.train[0])
        line = change(row)
        row.raw = (line if isinstance(line, str) else json.dumps(line)).encode()
        return [row]

    return put


def _one_column(corpus: Corpus) -> Lines:
    """A list of texts without a first line that names it."""
    corpus.header = ""
    for row in corpus.train:
        row.raw = row.text.replace(",", " ").replace('"', "").encode()
    corpus.train[0].raw = CHINESE_LINE[:14].encode() if corpus.train[0].text[0] > "\u4e00" else b"a fine film"
    return corpus.train[:1]


def _chinese_labels(label: str) -> Callable[[Corpus], Lines]:
    """All labels Chinese, one of them written so."""

    def put(corpus: Corpus) -> Lines:
        names = dict(zip(sorted({row.label for row in corpus.train}), ("差评", "好评"), strict=True))
        for row in (*corpus.train, *corpus.test):
            row.label = names[row.label]
        row = corpus.pick()
        while row.label != "好评":
            row = corpus.pick()
        row.label = label
        return [row]

    return put


def _chinese(change: Callable[[str], str]) -> Callable[[Corpus], Lines]:
    """Damages a Chinese text; of a corpus that has none the line below."""
    return _text(lambda text: change(text if any(c > "\u4e00" for c in text) else CHINESE_LINE))


def _again_in_traditional(corpus: Corpus) -> Lines:
    row = corpus.pick()
    row.text = "这个电脑的屏幕很难看，风扇也很响，我们后来换了别的牌子"
    corpus.train.append(Row("這個電腦的屏幕很難看，風扇也很響，我們後來換了別的牌子", row.label))
    return corpus.train[-1:]


def _rare(corpus: Corpus) -> Lines:
    rows = [corpus.pick() for _ in range(3)]
    for row in rows:
        row.label = "mixed"
    return rows


def _in_encoding(name: str) -> Callable[[Corpus], Lines]:
    def put(corpus: Corpus) -> Lines:
        corpus.encoding = name
        if name in STARTS:
            row = corpus.train[0]
            row.text = STARTS[name] + row.text
            return [row]
        return []

    return put


def _with_header(header: str) -> Callable[[Corpus], Lines]:
    def put(corpus: Corpus) -> Lines:
        corpus.header = header
        return []

    return put


def _bars(corpus: Corpus) -> Lines:
    corpus.header = "text|label"
    for row in corpus.train:
        row.raw = f"{row.text.replace('|', ' ')}|{row.label}".replace('"', "").encode()
    return []


def _one_class(corpus: Corpus) -> Lines:
    for row in corpus.train:
        row.label = corpus.train[0].label
    return corpus.train[:1]


def _imbalanced(corpus: Corpus) -> Lines:
    label = corpus.train[0].label
    rare = [r for r in corpus.train if r.label != label]
    kept = rare[: max(10, len(corpus.train) // 24)]
    corpus.train = [r for r in corpus.train if r.label == label or r in kept]
    return kept


def _cut(corpus: Corpus) -> Lines:
    size = sorted(len(r.text) for r in corpus.train)[int(0.8 * len(corpus.train))]
    for row in corpus.train:
        row.text = row.text[:size]
    return [row for row in corpus.train if len(row.text) == size]


def _label_in_text(corpus: Corpus) -> Lines:
    label = corpus.train[0].label
    hurt = [row for row in corpus.train if row.label == label]
    for row in hurt:
        row.text = f"[{label}] {row.text}"
    return hurt


def _absent_in_test(corpus: Corpus) -> Lines:
    corpus.test = [row for row in corpus.test if row.label == corpus.test[0].label]
    return []


def _spaced_in_test(corpus: Corpus) -> Lines:
    for row in corpus.test:
        row.text += " "
    return []


STARTS = {"gb18030": "这部电影非常好看，", "big5": "這部電影非常好看，"}
CHINESE_LINE = "这家酒店的位置很好，房间也很干净，下次还会再来住的"
ENGLISH_LINE = "The room was clean and the staff were friendly, we would stay here again"
DAMAGES: tuple[Damage, ...] = (
    Damage(
        name="a Latin-1 byte in a UTF-8 file", kind="bytes",
        put=_raw(lambda t, y: f"{t} café,{y}".encode("latin-1", "replace"))
    ),
    Damage(
        name="a GB18030 line in a UTF-8 file", kind="bytes",
        put=_raw(lambda t, y: f"{CHINESE_LINE[:12]}电影不错,{y}".encode("gb18030"))
    ),
    Damage(name="a NUL byte", kind="nul", put=_raw(lambda t, y: f"{t[:9]}\0{t[9:]},{y}".encode())),
    Damage(name="a quote that never closes", kind="quote", put=_raw(lambda t, y: f'"{t},{y}'.encode())),
    Damage(name="text after a closing quote", kind="quote", put=_raw(lambda t, y: f'"{t[:9]}" {t[9:]},{y}'.encode())),
    Damage(name="an unquoted comma", kind="fields", put=_raw(lambda t, y: f"{t}, and more,{y}".encode())),
    Damage(name="a row without its label", kind="fields", put=_raw(lambda t, y: t.encode())),
    Damage(name="a row with tabs in a CSV file", kind="fields", put=_raw(lambda t, y: f"{t}\t{y}".encode())),
    Damage(name="a row of nothing but commas", kind="empty_row", put=_raw(lambda t, y: b",")),
    Damage(name="the header again", kind="header_again", put=_raw(lambda t, y: b"text,label")),
    Damage(name="an empty text", kind="empty", put=_text(lambda t: "")),
    Damage(name="a text of spaces", kind="empty", put=_text(lambda t: " \u3000\u00a0")),
    Damage(name="a text of zero-width characters", kind="empty", put=_text(lambda t: "\u200b\u200b")),
    Damage(name="an empty label", kind="empty_label", put=_label(lambda y: "")),
    Damage(name="the label nan", kind="empty_label", put=_label(lambda y: "nan")),
    Damage(name="UTF-8 read as Latin-1 (Ã©)", kind="encoding", put=_text(lambda t: _word(t, "cafÃ©"))),
    Damage(name="UTF-8 read wrongly twice (ÃƒÂ©)", kind="encoding", put=_text(lambda t: _word(t, "cafÃƒÂ©"))),
    Damage(
        name="Chinese UTF-8 read as Latin-1", kind="encoding",
        put=_text(lambda t: _word(t, "好看".encode().decode("latin-1")))
    ),
    Damage(name="锟斤拷", kind="encoding", put=_text(lambda t: _word(t, "锟斤拷"))),
    Damage(name="烫烫烫… of unused memory", kind="encoding", put=_text(lambda t: _word(t, "烫" * 12))),
    Damage(name="a replacement character", kind="encoding", put=_text(lambda t: _word(t, "caf\ufffd"))),
    Damage(name="a control character", kind="control", put=_text(lambda t: _word(t, "\x1b[31mred"))),
    Damage(name="a zero-width space in a word", kind="invisible", put=_text(lambda t: _word(t, "won\u200bderful"))),
    Damage(name="a byte order mark in the middle", kind="invisible", put=_text(lambda t: _word(t, "\ufeffwell"))),
    Damage(name="HTML tags", kind="markup", put=_text(lambda t: _word(t, "<br />"))),
    Damage(name="HTML entities", kind="markup", put=_text(lambda t: _word(t, "it&#39;s &amp; more"))),
    Damage(name="a line end written out", kind="escape", put=_text(lambda t: _word(t, "well\\n Then"))),
    Damage(name="a character written as \\u00e9", kind="escape", put=_text(lambda t: _word(t, "caf\\u00e9"))),
    Damage(name="percent-encoding", kind="percent", put=_text(lambda t: "a%20really%20fine%20piece%20of%20work")),
    Damage(name="the text NULL", kind="nothing_said", put=_text(lambda t: "NULL")),
    Damage(name="##### of a narrow column", kind="spreadsheet", put=_text(lambda t: "########")),
    Damage(name="1.2E+05 for a number", kind="spreadsheet", put=_text(lambda t: "1.2E+05")),
    Damage(name="a date for a text", kind="spreadsheet", put=_text(lambda t: "3-Apr")),
    Damage(name="#NAME? for a formula", kind="spreadsheet", put=_text(lambda t: "#NAME?")),
    Damage(name="an identifier for a text", kind="number", put=_text(lambda t: "1028837465")),
    Damage(name="Cyrillic letters that look Latin", kind="lookalike", put=_text(lambda t: _word(t, "g\u043e\u043ed"))),
    Damage(
        name="an accent as a character of its own", kind="decomposed",
        put=_text(lambda t: _word(t, unicodedata.normalize("NFD", "café")))
    ),
    Damage(name="a text of 20,000 characters", kind="long", put=_text(lambda t: (t + " ") * (20_000 // len(t) + 1))),
    Damage(name="a Chinese row", kind="script", put=_text(lambda t: CHINESE_LINE), language="en"),
    Damage(name="an English row", kind="script", put=_text(lambda t: ENGLISH_LINE), language="zh"),
    Damage(name="a row again", kind="duplicate", put=_again(lambda r: Row(r.text, r.label))),
    Damage(
        name="a row again in capitals and other stops", kind="duplicate",
        put=_again(lambda r: Row(r.text.upper() + " !", r.label))
    ),
    Damage(name="nearly a row again", kind="near_duplicate", put=_again(lambda r: Row(r.text[:-3], r.label))),
    Damage(name="a text under two labels", kind="conflict", put=_conflict),
    Damage(name="a training text in the test file", kind="leakage", put=_leak(lambda t: t)),
    Damage(name="a training text in full width in the test file", kind="leakage", put=_leak(_full_width)),
    Damage(name="nearly a training text in the test file", kind="near_leakage", put=_leak(lambda t: t[:-3])),
    Damage(
        name="a training text in traditional characters in the test file", kind="leakage",
        put=_leaks_in_other_characters, language="zh"
    ),
    Damage(name="a misspelt label", kind="label_spelling", put=_label(lambda y: y[:3] + y[4:])),
    Damage(name="a label in capitals", kind="label_spelling", put=_label(str.upper)),
    Damage(name="a label in full width", kind="label_spelling", put=_label(_full_width)),
    Damage(name="a label with a space in it", kind="label_spelling", put=_label(lambda y: y[:3] + " " + y[3:])),
    Damage(name="text and label exchanged", kind="swapped", put=_swapped),
    Damage(name="a label of three rows", kind="rare_label", put=_rare),
    Damage(name="a label in test that training lacks", kind="unknown_label", put=_unknown_in_test),
    Damage(name="a GB18030 file", kind="", put=_in_encoding("gb18030"), alone=True, language="en"),
    Damage(name="a UTF-16 file", kind="", put=_in_encoding("utf-16"), alone=True, language="en"),
    Damage(name="a UTF-16 file without a mark", kind="", put=_in_encoding("utf-16-le"), alone=True, language="en"),
    Damage(name="bars between the columns", kind="", put=_bars, alone=True),
    Damage(name="no header", kind="", put=_with_header(""), alone=True),
    Damage(name="two columns of one name", kind="", put=_with_header("text,text"), alone=True),
    Damage(name="a misspelt header", kind="header", put=_with_header("txet,labl"), alone=True),
    Damage(name="one label only", kind="one_class", put=_one_class, alone=True),
    Damage(name="one label twelve times as common as the other", kind="imbalance", put=_imbalanced, alone=True),
    Damage(name="texts cut at so many characters", kind="cut_off", put=_cut, alone=True),
    Damage(name="the label written before the text", kind="label_in_text", put=_label_in_text, alone=True),
    Damage(name="a label that the test file lacks", kind="absent_label", put=_absent_in_test, alone=True),
    Damage(name="a space after each text of the test file", kind="manner", put=_spaced_in_test, alone=True),
    Damage(
        name="Chinese UTF-8 read as GBK (浣犲ソ)", kind="encoding", language="zh",
        put=_chinese(lambda t: t.encode().decode("gb18030", "replace"))
    ),
    Damage(
        name="Chinese UTF-8 read as GBK, lost bytes as question marks", kind="encoding", language="zh",
        put=_chinese(lambda t: t.encode().decode("gb18030", "replace").replace("\ufffd", "?"))
    ),
    Damage(
        name="GBK read as Latin-1 (ÄãºÃ)", kind="encoding", language="zh",
        put=_chinese(lambda t: t.encode("gb18030").decode("latin-1"))
    ),
    Damage(name="屯屯屯屯 of unused memory", kind="encoding", put=_text(lambda t: _word(t, "屯" * 6)), language="zh"),
    Damage(name="Chinese as HTML entities", kind="markup", put=_text(lambda t: "&#22909;&#30475; " + t), language="zh"),
    Damage(name="Chinese as \\u597d\\u770b", kind="escape", put=_text(lambda t: "\\u597d\\u770b " + t), language="zh"),
    Damage(
        name="Chinese percent-encoded", kind="percent", put=_text(lambda t: "%E5%A5%BD%E7%9C%8B " + t), language="zh"
    ),
    Damage(
        name="a joiner between Chinese characters", kind="invisible", language="zh",
        put=_chinese(lambda t: "很\u200d好，" + t)
    ),
    Damage(name="暂无评论", kind="nothing_said", put=_text(lambda t: "暂无评论"), language="zh"),
    Damage(name="该用户没有填写评价", kind="nothing_said", put=_text(lambda t: "该用户没有填写评价。"), language="zh"),
    Damage(
        name="系统默认好评", kind="nothing_said", language="zh",
        put=_text(lambda t: "评价方未及时做出评价,系统默认好评!")
    ),
    Damage(name="该条微博已被作者删除", kind="nothing_said", put=_text(lambda t: "该条微博已被作者删除"), language="zh"),
    Damage(name="a date with a time for a text", kind="spreadsheet", put=_text(lambda t: "2024/1/3 0:00:00")),
    Damage(name="a text cut where a spreadsheet's cell ends", kind="cell_limit", put=_text(lambda t: (t * 32_767)[:32_767])),
    Damage(
        name="a row again in traditional characters", kind="duplicate", put=_again_in_traditional, language="zh"
    ),
    Damage(
        name="a row again in full width", kind="duplicate", put=_again(lambda r: Row(_full_width(r.text), r.label))
    ),
    Damage(name="好坪 for 好评", kind="label_spelling", put=_chinese_labels("好坪"), language="zh", alone=True),
    Damage(name="好評 beside 好评", kind="label_spelling", put=_chinese_labels("好評"), language="zh", alone=True),
    Damage(name="a Big5 file", kind="", put=_in_encoding("big5"), alone=True, language="en"),
    Damage(name="a list of texts whose first is taken for the header", kind="header", put=_one_column, alone=True),
    Damage(name="pairs in the test file only", kind="pairs", put=_pairs_in_test, alone=True),
    Damage(name="identifiers for labels", kind="many_labels", put=_many_labels, alone=True),
    Damage(name="a line of JSON that breaks off", kind="json", put=_in_json(lambda r: json_line(r)[:-1]), alone=True),
    Damage(name="a list among objects", kind="json", put=_in_json(lambda r: [r.text, r.label]), alone=True),
    Damage(name="an object without its text", kind="key", put=_in_json(lambda r: {"label": r.label}), alone=True),
    Damage(
        name="a list for a text", kind="cell", put=_in_json(lambda r: {"text": [r.text], "label": r.label}), alone=True
    ),
    Damage(
        name="half a character", kind="cell", alone=True,
        put=_in_json(lambda r: {"text": r.text[:9] + "\ud83d", "label": r.label})
    ),
)  # fmt: skip
