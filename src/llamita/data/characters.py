"""What stands in a text that nobody wrote: wrong encodings, invisible characters, markup, and traces of other programs.

Each check is a pattern; one that real texts may hold by design is kept narrow rather than loud.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from llamita.core.task import parts_of
from llamita.data.cells import rows_text
from llamita.data.finding import DataFinding, Severity, found_in, shortened
from llamita.data.misread import chinese_meant
from llamita.data.table import Table
from llamita.data.text import is_empty

MOJIBAKE = re.compile(
    "\ufffd|Ã[\u0080-\u00bf©¨¤¶¼]|Ãƒ|Ã‚|Â[\u0080-\u00bf]|â€[™œ\u009d“”˜]|锟斤拷|烫{6}|屯{4}|烫{3}屯{2}|ï»¿"
    "|(?:[æåäçè][\u0080-\u00bf\u2010-\u203a]){2}|[ä-é][\u0080-\u00aa\u00ac-\u00b6\u00b8-\u00ba\u00bc-\u00bf]{2}"
)
"""烫 (0xCC twice) is a real word, "hot", that people write three times; only a run of six is unused memory."""
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
INVISIBLE = re.compile(
    "[\u200b\u2060\ufeff\u00ad\u202a-\u202e\u2066-\u2069]"
    "|(?<=[A-Za-z\u4e00-\u9fff])[\u200c\u200d](?=[A-Za-z\u4e00-\u9fff])"
)
"""Joiners between letters of scripts that don't join; emoji, Arabic and Indic scripts need theirs."""
MARKUP = re.compile(
    r"</?(?:a|b|br|div|em|font|h[1-6]|i|img|li|ol|p|script|span|strong|style|table|td|tr|u|ul)(?:\s[^<>]*)?/?>"
    r"|&(?:amp|lt|gt|quot|apos|nbsp|ldquo|rdquo|hellip|mdash|ndash|#\d{2,5}|#x[0-9a-f]{2,5});",
    re.IGNORECASE,
)
ESCAPES = re.compile(r"(?<!:)(?<!:\\)\\[nrt](?![a-z])|\\u[0-9a-fA-F]{4}|\\x[0-9a-f]{2}")
"""Not before a small letter: C:\\new and the \\tau of a formula are written so."""
PERCENT = re.compile(r"(?:%[0-9A-F]{2}){3}|(?:\w%20){2}|\w{1,40}%20\w{1,40}%20", re.IGNORECASE)
"""Words of a bounded length: a picture in base64 is one of a million letters, which would be gone through anew from each."""
NOTHING_SAID = re.compile(
    r"nan|none|null|nil|na|n/a|#n/a|undefined|<na>|nat|\[?deleted\]?|\[?removed\]?"
    r"|(?:[无無]|[暂暫][无無])(?:[评評][论論价價]|点评|點評|[内內]容|[数數][据據])?[。.]?"
    r"|(?:[该該此]?(?:用[户戶]|[买買]家|[顾顧]客))?(?:[没沒]有|未)(?:[填写寫]){2}(?:任何)?(?:[评評][论論价價]|点评|點評)?(?:[内內]容)?[。.]?"
    r"|(?:[评評][价價]方|用[户戶]|[买買]家)未(?:及[时時])?[做作]?出?(?:[评評][价價]|点评|點評)[,，]?系[统統]默[认認]好[评評][!！。.]?"
    r"|[该該此][条條篇]?(?:微博|[评評][论論价價]|[内內]容|留言|帖子|文章)已被?(?:作者|用[户戶]|管理[员員])?(?:自行)?(?:[删刪]除|屏蔽)[。.]?",
    re.IGNORECASE,
)
"""What programs write for an empty cell, and web pages for a review that nobody wrote or that is gone."""
SPREADSHEET = re.compile(
    r"#{4,}|#(?:REF|NAME|VALUE|DIV/0|NUM|NULL)[!?]?|=[A-Z]+\([^)]*\)|[+-]?\d(?:\.\d+)?E[+-]\d{1,3}"
    r"|\d{1,2}-(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)(?:-\d{2,4})?"
    r"|\d{4}[/-]\d{1,2}[/-]\d{1,2}(?: \d{1,2}:\d{2}(?::\d{2})?)?|\d{1,2}/\d{1,2}/\d{2,4}(?: \d{1,2}:\d{2}(?::\d{2})?)?",
    re.IGNORECASE,
)
CELL_LIMIT = 32_767
"""Characters that a spreadsheet's cell holds."""
MIXED = re.compile("[A-Za-z][\u0400-\u04ff]|[\u0400-\u04ff][A-Za-z]|(?<=[A-Za-z])[αορντυκιχ](?=[A-Za-z])")
"""Latin beside Cyrillic within a word, or a Greek letter that looks Latin amid Latin ones; μm and α-helix are written so."""


@dataclass(frozen=True, kw_only=True)
class Trace:
    """A kind of damage that one text shows by itself."""

    kind: str
    seen: Callable[[str], str | None]
    """What of a text shows it; None for a sound one."""
    what: str
    """What the message says such texts have."""
    remedy: str
    severity: Severity = "warning"


def _within(pattern: re.Pattern[str]) -> Callable[[str], str | None]:
    def seen(text: str) -> str | None:
        match = pattern.search(text)
        return match.group() if match else None

    return seen


def _whole(pattern: re.Pattern[str]) -> Callable[[str], str | None]:
    def seen(text: str) -> str | None:
        return text.strip() if len(text) < 200 and pattern.fullmatch(text.strip()) else None

    return seen


def _control(text: str) -> str | None:
    return None if MOJIBAKE.search(text) else _within(CONTROL)(text)


def _misread(text: str) -> str | None:
    return _within(MOJIBAKE)(text) or (text if chinese_meant(text) else None)


def _number(text: str) -> str | None:
    """A text of digits and signs alone; five digits or more, since "10/10" and "9.5" are opinions.

    Entities are read first: &#20320;&#22909; is 你好.
    """
    bare = html.unescape(text).strip()
    if not bare or any(c.isalpha() for c in bare) or sum(c.isdigit() for c in bare) < 5 or _whole(SPREADSHEET)(text):
        return None
    return bare


def _decomposed(text: str) -> str | None:
    if text.isascii():
        return None
    at = next((i for i, c in enumerate(text) if i and unicodedata.combining(c)), None)
    if at is None or unicodedata.is_normalized("NFC", text):
        return None
    whole = unicodedata.normalize("NFC", text[at - 1 : at + 1])
    return text[at - 1 : at + 1] if len(whole) == 1 else None


TRACES: tuple[Trace, ...] = (
    Trace(
        kind="encoding", seen=_misread, what="with characters of a wrong encoding",
        remedy="these texts were once decoded wrongly; save the original file again as UTF-8",
    ),
    Trace(
        kind="control", seen=_control, what="with control characters",
        remedy="delete them: they come from a terminal, a printer or another encoding",
    ),
    Trace(
        kind="invisible", seen=_within(INVISIBLE), what="with invisible characters",
        remedy="delete them: a tokenizer makes other pieces of a word that holds one",
    ),
    Trace(
        kind="markup", seen=_within(MARKUP), what="with remnants of HTML",
        remedy="take the tags out and write entities as characters (Python: html.unescape)",
    ),
    Trace(
        kind="escape", seen=_within(ESCAPES), what="with escapes written out",
        remedy="write what they stand for; the text was escaped once too often",
    ),
    Trace(
        kind="percent", seen=_within(PERCENT), what="with percent-encoding of a web address",
        remedy="decode them (Python: urllib.parse.unquote)",
    ),
    Trace(
        kind="nothing_said", seen=_whole(NOTHING_SAID), what="whose text is a word for nothing",
        remedy="delete them: a program wrote this for an empty cell",
    ),
    Trace(
        kind="spreadsheet", seen=_whole(SPREADSHEET), what="whose text a spreadsheet has changed",
        remedy="take the text from the source again, and import that column as text",
    ),
    Trace(
        kind="number", seen=_number, what="whose text is only a number",
        remedy="delete them, or name the column of the texts: --columns text=COLUMN",
    ),
    Trace(
        kind="lookalike", seen=_within(MIXED), what="with letters of two alphabets in one word",
        remedy="write the word in one alphabet; Greek and Cyrillic letters that look Latin are other letters",
    ),
    Trace(
        kind="decomposed", seen=_decomposed, what="with accents as characters of their own", severity="info",
        remedy="compose them (Python: unicodedata.normalize('NFC', text)), as a tokenizer expects",
    ),
    Trace(
        kind="cell_limit", seen=lambda text: "…" + text[-20:] if len(text) == CELL_LIMIT else None,
        what=f"of exactly {CELL_LIMIT:,} characters, where a spreadsheet cuts a cell",
        remedy="take the whole text from the source",
    ),
)  # fmt: skip


def damaged(table: Table) -> Iterator[DataFinding]:
    """Each kind of damage that single texts show, with the first example."""
    found: dict[str, list[int]] = {trace.kind: [] for trace in TRACES}
    shown: dict[str, str] = {}
    for row, text in enumerate(table.texts):
        for part in parts_of(text):
            if is_empty(part):
                continue
            for trace in TRACES:
                if (seen := trace.seen(part)) is not None:
                    if row not in found[trace.kind][-1:]:
                        found[trace.kind].append(row)
                    shown.setdefault(trace.kind, seen)
    for trace in TRACES:
        if rows := found[trace.kind]:
            example = shortened(shown[trace.kind])
            message = f"{rows_text(len(rows))} {trace.what} such as {example!r}"
            yield found_in(table, rows, trace.kind, trace.severity, message, trace.remedy, quotes=(example,))
