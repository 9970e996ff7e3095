"""A document on one A4 page: title, fields, and that it is a simulation.

Korean text uses the PDF standard's own CID fonts, which viewers supply: no font file is needed or embedded.
"""

from collections.abc import Mapping
from datetime import date
from io import BytesIO

from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

_FONT = "HYGothic-Medium"


def document_pdf(
    title: str, issuer: str, number: str, issued_on: date, fields: Mapping[str, object]
) -> bytes:
    """The PDF's bytes, the same for the same input."""
    if _FONT not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(UnicodeCIDFont(_FONT))
    buffer = BytesIO()
    canvas = Canvas(buffer, pagesize=A4, invariant=1)
    width, height = A4
    canvas.setTitle(title)
    canvas.setFont(_FONT, 20)
    canvas.drawCentredString(width / 2, height - 90, title)
    canvas.setFont(_FONT, 9)
    canvas.drawString(60, height - 50, f"문서확인번호 {number}")
    canvas.drawRightString(width - 60, height - 50, issued_on.isoformat())
    y = height - 140
    canvas.setFont(_FONT, 11)
    for name, value in fields.items():
        canvas.setFillGray(0.4)
        canvas.drawString(60, y, str(name))
        canvas.setFillGray(0)
        for line in _lines(value):
            canvas.drawString(210, y, line)
            y -= 20
        canvas.setLineWidth(0.3)
        canvas.line(60, y + 13, width - 60, y + 13)
        y -= 6
    canvas.drawCentredString(width / 2, 120, issuer)
    canvas.setFont(_FONT, 8)
    canvas.setFillGray(0.4)
    canvas.drawCentredString(
        width / 2, 80, "모의 발급 문서이며 법적 효력이 없습니다 / a simulated document without effect"
    )
    canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def _lines(value: object) -> list[str]:
    if isinstance(value, list | tuple):
        return [_text(item) for item in value] or ["-"]
    return [_text(value)]


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(item)}" for name, item in value.items())
    if isinstance(value, bool):
        return "예" if value else "아니오"
    return f"{value:,}" if isinstance(value, int) else str(value)
