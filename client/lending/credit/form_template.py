"""An empty form to fill in: every field of figure 6 with its words, its hint and its choices."""

from collections.abc import Iterator

from lending_domain.form import Industry
from lending_domain.form_fields import FormField, form_fields, wording
from lending_domain.model import Model, model2


def form_template(industry: Industry, model: Model | None = None) -> str:
    """A form in YAML for a firm of the industry; what is left empty is named when it is scored."""
    return "\n".join(_lines(industry, model or model2())) + "\n"


def _lines(industry: Industry, model: Model) -> Iterator[str]:
    yield "# 금액은 억, 만 없이 원 단위 숫자로. Amounts in won, digits only."
    yield "# 기간은 {years: 3, months: 2}. Spans as {years: 3, months: 2}."
    yield "form:"
    for name, field in form_fields().items():
        yield f"  # {field.ko}: {field.tooltip_ko}"
        yield f"  # {field.en}: {field.tooltip_en}"
        yield from _hints(field)
        if name == "industry":
            yield f"  industry: {industry.value}  # {wording(name, industry)[0]}"
        elif name == "judgement":
            yield "  judgement:"
            for item in model.judgement[industry]:
                yield f"    {item}:  # {model.items[item].ko}, {model.items[item].en}"
        else:
            yield f"  {name}: {_START.get(name, '')}".rstrip()


# What most firms answer, and what may be left out.
_START = {"established": "true", "moves_in_two_years": "0", "arrears_months": "0", "joint_guarantee": "false"}


def _hints(field: FormField) -> Iterator[str]:
    if field.example:
        yield f"  # 입력예: {field.example}"
    if field.type == "flag":
        yield "  # true, false"
    if field.values and field.id != "industry":
        yield f"  # {', '.join(f'{value} ({ko}, {en})' for value, (ko, en) in field.values.items())}"
