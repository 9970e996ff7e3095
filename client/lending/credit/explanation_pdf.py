"""An explanation as a PDF: the answer, the waterfall as a picture, reasons, what would change it, criteria.

Korean uses the PDF standard's CID font, which viewers supply; English the standard Helvetica.
"""

from collections.abc import Sequence
from io import BytesIO
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib.colors import Color, HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.utils import simpleSplit
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, KeepTogether, Paragraph, SimpleDocTemplate, Spacer, Table

from lending.credit.explanation import Explanation
from lending.credit.explanation_words import (
    CHANGE_WORDS,
    COMPOSITION_WORDS,
    Language,
    answer,
    firm,
    percent,
    points_text,
    said,
    within,
    word,
)
from lending.credit.waterfall_drawing import waterfall_drawing

_KOREAN, _LATIN = "HYGothic-Medium", "Helvetica"
_MARGIN = 48
_WIDTH = A4[0] - 2 * _MARGIN
_INK, _SOFT, _RULE, _GROUND = HexColor(0x1D2733), HexColor(0x5C6B7A), HexColor(0xDFE5EB), HexColor(0xF5F7F9)
# How much of the width each column of a table has, by their number.
_COLUMNS = {2: (0.24, 0.76), 3: (0.2, 0.68, 0.12), 4: (0.24, 0.40, 0.12, 0.24)}
_ANSWER = {True: HexColor(0x1F7A43), False: HexColor(0xA8322D), None: _SOFT}


def explanation_pdf(explanation: Explanation, lang: Language = "ko") -> bytes:
    """The PDF's bytes, the same for the same explanation: without a date, a name or a number of a person."""
    if _KOREAN not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(UnicodeCIDFont(_KOREAN))
    buffer = BytesIO()
    document = SimpleDocTemplate(
        buffer,
        pagesize=A4,
        # A frame's own padding is six points: text, tables and picture then share their edges.
        leftMargin=_MARGIN - 6,
        rightMargin=_MARGIN - 6,
        topMargin=_MARGIN,
        bottomMargin=_MARGIN,
        title=word("title", lang),
        invariant=1,
    )
    page = _Page(explanation, lang)
    document.build(page.flowables(), onFirstPage=page.foot, onLaterPages=page.foot)
    return buffer.getvalue()


class _Page:
    def __init__(self, told: Explanation, lang: Language) -> None:
        self.told, self.lang = told, lang
        self.font = _KOREAN if lang == "ko" else _LATIN

    def flowables(self) -> list[Flowable]:
        told, lang = self.told, self.lang
        picture = waterfall_drawing(told, lang, _WIDTH, self.font)
        return [
            *self._result(),
            KeepTogether([self._heading("waterfall"), picture]),
            *self._part("reasons", self._reasons()),
            *self._part("strengths", self._strengths()),
            *self._part("improvements", self._improvements()),
            *self._part("rights", self._rights()),
            self._text(said(told, lang, "contact"), 8.5, _SOFT),
            *self._part("criteria", self._criteria()),
        ]

    def foot(self, canvas: Canvas, document: Any) -> None:
        """The note on every page, so that no page says a score without it."""
        canvas.saveState()
        canvas.setFont(self.font, 7)
        canvas.setFillColor(_SOFT)
        lines = simpleSplit(said(self.told, self.lang, "note"), self.font, 7, _WIDTH)
        for above, line in enumerate(reversed(lines)):
            canvas.drawString(_MARGIN, 30 + 9 * above, line)
        canvas.drawString(_MARGIN, 20, f"{self.told.model}  {self.told.model_digest}")
        canvas.drawRightString(A4[0] - _MARGIN, 20, str(document.page))
        canvas.restoreState()

    def _result(self) -> list[Flowable]:
        told, lang = self.told, self.lang
        of = word("of", lang)
        score = Table(
            [
                [
                    self._text(answer(told.guaranteeable, lang), 15, _ANSWER[told.guaranteeable]),
                    self._text(f"{word('score', lang)}<br/>{told.score}", 12),
                    self._text(f"{word('base', lang)} ({of} {told.highest_base})<br/>{told.base}", 10),
                    self._text(f"{word('bonus', lang)} ({of} {told.highest_bonus})<br/>{told.bonus}", 10),
                ]
            ],
            colWidths=[_WIDTH * part for part in (0.26, 0.2, 0.27, 0.27)],
            style=[
                ("BACKGROUND", (0, 0), (-1, -1), _GROUND),
                ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
                ("TOPPADDING", (0, 0), (-1, -1), 8),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 10),
            ],
        )
        composition = COMPOSITION_WORDS[told.composition][lang == "en"]
        return [
            self._text(word("title", lang), 18),
            Spacer(0, 4),
            self._text(
                f"{firm(told.company_class, told.industry, lang)} · {told.model} ({composition})", 9, _SOFT
            ),
            Spacer(0, 8),
            score,
        ]

    def _reasons(self) -> list[list[str]]:
        lang = self.lang
        return [
            [
                one.code,
                f"{said(one, lang)}<br/>{word('corrected_at', lang)}: {said(one, lang, 'evidence')}",
                f"-{points_text(one.lost)}",
                self._share(one.share_permille, "of_lost"),
            ]
            for one in self.told.reasons
        ]

    def _strengths(self) -> list[list[str]]:
        return [
            [
                said(one, self.lang),
                f"{word('grade', self.lang)} {one.grade}",
                f"+{points_text(one.earned)}",
                self._share(one.share_permille, "of_earned"),
            ]
            for one in self.told.strengths
        ]

    def _improvements(self) -> list[list[str]]:
        lang = self.lang
        return [
            [
                said(one, lang),
                f"{one.grade} → {one.better}: {said(one, lang, 'asks')}<br/>{said(one, lang, 'advice')}",
                f"+{points_text(one.gain)}",
                CHANGE_WORDS[one.change][lang == "en"],
            ]
            for one in self.told.improvements
        ]

    def _rights(self) -> list[list[str]]:
        lang = self.lang
        return [
            [within(one.days, lang), f"{said(one, lang)}<br/>{said(one, lang, 'law')}"]
            for one in self.told.rights
        ]

    def _criteria(self) -> list[list[str]]:
        lang = self.lang
        rows = [[word(name, lang) for name in ("item", "grades", "weight")]]
        for one in self.told.criteria:
            bounds = " / ".join(f"{bound.grade}: {said(bound, lang)}" for bound in one.bounds)
            note = said(one, lang, "note")
            text = f"{bounds}<br/>{note}" if note else bounds
            rows.append([said(one, lang), text, f"{one.weight / 1_000_000:.6f}"])
        return rows

    def _share(self, permille: int, of: str) -> str:
        words = word(of, self.lang)
        return f"{words} {percent(permille)}" if self.lang == "ko" else f"{percent(permille)} {words}"

    def _part(self, heading: str, rows: Sequence[Sequence[str]]) -> list[Flowable]:
        if not rows:
            return [self._heading(heading), self._text(word("nothing_lost", self.lang), 8.5)]
        table = Table(
            [[self._cell(cell) for cell in row] for row in rows],
            colWidths=[_WIDTH * share for share in _COLUMNS[len(rows[0])]],
            style=[
                ("LINEBELOW", (0, 0), (-1, -1), 0.4, _RULE),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LEFTPADDING", (0, 0), (-1, -1), 0),
                ("RIGHTPADDING", (1, 0), (1, -1), 12),
                ("TOPPADDING", (0, 0), (-1, -1), 2),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 4),
            ],
        )
        return [self._heading(heading), table]

    def _heading(self, name: str) -> Flowable:
        return self._text(word(name, self.lang), 12, before=12, after=4, keep=True)

    def _cell(self, text: str) -> Flowable:
        return self._text("<br/>".join(escape(line) for line in text.split("<br/>")), 8.5)

    def _text(
        self,
        text: str,
        size: float,
        colour: Color = _INK,
        *,
        before: float = 0,
        after: float = 0,
        keep: bool = False,
    ) -> Flowable:
        style = ParagraphStyle(
            "text",
            fontName=self.font,
            fontSize=size,
            leading=size * 1.4,
            textColor=colour,
            # Korean breaks between any two characters.
            wordWrap="CJK" if self.lang == "ko" else None,
            spaceBefore=before,
            spaceAfter=after,
            keepWithNext=keep,
        )
        return Paragraph(text, style)
