"""A signed audit as one HTML page that a patient can keep and anyone can check.

The page holds the signed paper, and is made from it alone: whoever checks it makes the page
again and compares, so that what is seen is what was signed. It asks nothing of any network.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from medibloc_py.errors import DocumentInvalid
from medibloc_py.errors.words import time as as_time
from medibloc_py.flows import papers
from medibloc_py.flows.audit import KIND, Audit, SignedAudit, require_signed

_BEGIN: Final = b'<script type="application/json" id="paper">\n'
_END: Final = b"</script>\n"
_STYLE: Final = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%;margin:1rem 0 2rem}"
    "th,td{border-bottom:1px solid #ccc;padding:.3rem .5rem;text-align:left;"
    "vertical-align:top;overflow-wrap:anywhere;font-variant-numeric:tabular-nums}"
    "code{font-size:.85em}.note{color:#555}@media print{body{margin:0}}"
)
ACCESS_COLUMNS: Final = ("Reader", "Record", "Purpose", "Since", "Until", "State")
LINE_COLUMNS: Final = ("Time (UTC)", "Block", "By", "What", "For whom", "About", "Terms", "Until",
                       "Amount")  # fmt: skip


def access_rows(answer: Audit) -> list[list[str]]:
    """Who could read, as the cells of a table."""
    return [
        [
            each.reader,
            each.record,
            each.purpose + (" (emergency)" if each.emergency else ""),
            as_time(each.since),
            as_time(each.until),
            each.state + (f" {as_time(each.ended_at)}" if each.ended_at else ""),
        ]
        for each in answer.accesses
    ]


def line_rows(answer: Audit) -> list[list[str]]:
    """All that happened, as the cells of a table."""
    return [
        [
            as_time(each.at),
            str(each.block),
            each.by,
            each.says,
            each.to,
            each.about,
            each.terms,
            as_time(each.until) if each.until else "",
            each.amount,
        ]
        for each in answer.lines
    ]


def page_of(signed: SignedAudit) -> bytes:
    """Writes the page."""
    answer = signed.audit
    paper = papers.write(KIND, signed).replace(b"<", b"\\u003c")
    title = f"MediBloc audit: {answer.kind} {answer.subject}"
    head = [
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>Audit of {escape(answer.kind)}</h1>",
        f"<p><code>{escape(answer.subject)}</code></p>",
        f"<p>Chain {answer.chain_id}, contract <code>{escape(answer.contract)}</code>, as of "
        f"block {answer.block}, {as_time(answer.at)}. Made and signed by "
        f"<code>{escape(answer.maker)}</code>. Amounts are in the token's smallest unit.</p>",
        "<h2>Who could read</h2>",
        *_table(ACCESS_COLUMNS, access_rows(answer)),
        "<h2>What happened</h2>",
        *_table(LINE_COLUMNS, line_rows(answer)),
        f'<p class="note">{escape(answer.limits)}</p>',
        '<p class="note">Check this page with <code>medibloc audit check</code>.</p>',
    ]
    return "\n".join([*head, ""]).encode() + _BEGIN + paper + _END + b"</body></html>\n"


def check_page(data: bytes, path: object) -> Audit:
    """Proves that a page is what its maker signed, and shows nothing else; needs no chain.

    Raises:
        DocumentInvalid: it is no such page, was not signed like this, or shows something else.
    """
    _, begin, rest = data.partition(_BEGIN)
    paper, end, _ = rest.partition(_END)
    if not begin or not end:
        raise DocumentInvalid(path=path, kind=KIND, reason="it holds no signed paper")
    signed = papers.read(KIND, SignedAudit, paper, path)
    answer = require_signed(signed, path)
    if page_of(signed) != data:
        raise DocumentInvalid(
            path=path, kind=KIND, reason="it shows something else than was signed"
        )
    return answer


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterable[str]:
    yield "<table><thead><tr>" + "".join(f"<th>{escape(each)}</th>" for each in columns)
    yield "</tr></thead><tbody>"
    for row in rows:
        yield "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
    yield "</tbody></table>"
