"""The waterfall as a reportlab drawing: a bar an item, base and bonus apart, earned and lost points."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from reportlab.graphics.shapes import Drawing, Line, Rect, String
from reportlab.lib.colors import Color, HexColor
from reportlab.pdfbase.pdfmetrics import stringWidth

from lending.credit.explanation import BLOCKS, Bar, Explanation
from lending.credit.explanation_words import BLOCK_WORDS, Language, points_text, said, word
from lending_domain.model import Block
from lending_domain.score import UNIT

COLOURS: dict[Block, Color] = {
    "financial": HexColor(0x2563A8),
    "fact": HexColor(0x0F7B6C),
    "judgement": HexColor(0x9A5B13),
    "bonus": HexColor(0x7A3FA0),
}
"""The colour of each block's bars; the report's page uses the same."""

_INK, _SOFT, _RULE = HexColor(0x1D2733), HexColor(0x5C6B7A), HexColor(0xDFE5EB)
_ROW, _BAR, _AXIS = 17.0, 10.0, 24.0
_LABELS, _GRADES, _POINTS = 128.0, 34.0, 42.0


_Anchor = Literal["start", "middle", "end"]


@dataclass(frozen=True)
class _Row:
    """A bar to be drawn, in units: from start to end in full colour, on to `most` more in pale."""

    label: str
    grade: str
    start: int
    end: int
    lost: int
    colour: Color
    total: bool = False


def waterfall_drawing(explanation: Explanation, lang: Language, width: float, font: str) -> Drawing:
    """The picture, `width` points wide; `font` is a registered one that has Korean."""
    rows = list(_rows(explanation, lang))
    height = _AXIS + _ROW * len(rows) + _ROW
    drawing = Drawing(width, height)
    highest = max(*(row.end + row.lost for row in rows), 1)
    left, right = _LABELS + _GRADES, width - 2 * _POINTS
    scale = (right - left) / highest
    for tenth in range(0, 10 * highest // UNIT + 1, 2):
        x = left + tenth * UNIT / 10 * scale
        drawing.add(Line(x, _AXIS - 3, x, height - _ROW, strokeColor=_RULE, strokeWidth=0.5))
        drawing.add(_text(x, _AXIS - 12, f"{tenth / 10:.1f}", font, 6.5, _SOFT, "middle"))
    y = height - _ROW
    for name, x in (("earned", right + _POINTS - 4), ("lost", width)):
        drawing.add(_text(x, y + 4, word(name, lang), font, 7, _SOFT, "end"))
    for row in rows:
        y -= _ROW
        _draw(drawing, row, y, left, scale, (right, width), font)
    _legend(drawing, lang, font)
    return drawing


def _rows(told: Explanation, lang: Language) -> Iterator[_Row]:
    base = [bar for bar in told.waterfall if bar.block != "bonus"]
    bonus = [bar for bar in told.waterfall if bar.block == "bonus"]
    yield from (_item(bar, lang) for bar in base)
    yield _Row(word("base", lang), "", 0, told.base_units, 0, _INK, total=True)
    yield from (_item(bar, lang) for bar in bonus)
    if bonus:
        yield _Row(word("score", lang), "", 0, told.total_units, 0, _INK, total=True)


def _item(bar: Bar, lang: Language) -> _Row:
    lost = bar.most - (bar.end - bar.start)
    return _Row(said(bar, lang), f"{bar.grade}/{bar.grades}", bar.start, bar.end, lost, COLOURS[bar.block])


def _draw(
    drawing: Drawing, row: _Row, y: float, left: float, scale: float, ends: tuple[float, float], font: str
) -> None:
    size = 8 if row.total else 7.5
    middle = y + (_ROW - _BAR) / 2
    right, width = ends
    if row.total:
        drawing.add(Line(0, y + _ROW, width, y + _ROW, strokeColor=_RULE, strokeWidth=0.7))
    drawing.add(_text(0, middle + 2, _fitting(row.label, font, size), font, size, _INK))
    drawing.add(_text(_LABELS + _GRADES - 8, middle + 2, row.grade, font, 7, _SOFT, "end"))
    start, end = left + row.start * scale, left + row.end * scale
    pale = Color(*(1 - (1 - part) * 0.28 for part in row.colour.rgb()))
    _rect(drawing, end, middle, row.lost * scale, _BAR, pale)
    _rect(drawing, start, middle, end - start, _BAR, row.colour)
    earned = points_text(row.end - row.start)
    drawing.add(_text(right + _POINTS - 4, middle + 2, earned, font, size, _INK, "end"))
    if row.lost:
        drawing.add(_text(width, middle + 2, points_text(row.lost), font, size, _SOFT, "end"))


def _legend(drawing: Drawing, lang: Language, font: str) -> None:
    x = 0.0
    for block in BLOCKS:
        _rect(drawing, x, 1, 7, 7, COLOURS[block])
        label = BLOCK_WORDS[block][lang == "en"]
        drawing.add(_text(x + 10, 2, label, font, 7, _SOFT))
        x += 18 + _width(label, font, 7)
    drawing.add(_text(x + 8, 2, word("legend", lang), font, 7, _SOFT))


def _fitting(label: str, font: str, size: float) -> str:
    if _width(label, font, size) <= _LABELS:
        return label
    kept = label
    while kept and _width(kept + "…", font, size) > _LABELS:
        kept = kept[:-1]
    return kept + "…"


def _width(text: str, font: str, size: float) -> float:
    return float(stringWidth(text, font, size))


def _rect(drawing: Drawing, x: float, y: float, width: float, height: float, colour: Color) -> None:
    rect = Rect(x, y, width, height)
    rect.fillColor, rect.strokeColor = colour, None
    drawing.add(rect)


def _text(
    x: float, y: float, text: str, font: str, size: float, colour: Color, anchor: _Anchor = "start"
) -> String:
    return String(x, y, text, fontName=font, fontSize=size, fillColor=colour, textAnchor=anchor)
