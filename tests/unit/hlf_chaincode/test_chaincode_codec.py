"""Exact JSON and typed arguments."""

from __future__ import annotations

import datetime
import enum
import uuid
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, Literal, NewType, Optional

import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hlf_chaincode import Context, Contract, ContractError, DecodeError, Private, from_json, query, to_json
from hlf_chaincode.contract import Registry, decode_result, encode_argument, result_encoder
from hlf_chaincode.values.codec import fitter

LoanId = NewType("LoanId", str)
ShortText = Annotated[str, pydantic.StringConstraints(max_length=3)]


class Grade(enum.Enum):
    GOOD = "good"
    BAD = "bad"


class Stage(enum.StrEnum):
    OPEN = "open"


@dataclass(frozen=True)
class Line:
    amount: int
    rate: Decimal = Decimal("0")


@dataclass(frozen=True)
class Order:
    lines: list[Line]
    note: str | None = None
    parent: Order | None = None
    tags: dict[str, Grade] = field(default_factory=dict)


class Inner(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(strict=True, extra="forbid")

    rate: Decimal
    due: datetime.date
    grade: Grade


class Outer(pydantic.BaseModel):
    inners: list[Inner]


@pytest.mark.parametrize(
    ("text", "annotation", "value"),
    [
        ("5", int, 5),
        ("123456789012345678901234567890", int, 123456789012345678901234567890),
        ("0.1000000000000000000000000001", Decimal, Decimal("0.1000000000000000000000000001")),
        ('"1.50"', Decimal, Decimal("1.50")),
        ("true", bool, True),
        ('"2026-02-28"', datetime.date, datetime.date(2026, 2, 28)),
        ('"good"', Grade, Grade.GOOD),
        ("null", int | None, None),
        ("[1,2]", tuple[int, ...], (1, 2)),
        ('[1,"a"]', tuple[int, str], (1, "a")),
        ('{"1":"x"}', dict[int, str], {1: "x"}),
        ('"a"', Literal["a", "b"], "a"),
        ('"AAE="', bytes, b"\x00\x01"),
        ('"00000000-0000-0000-0000-000000000001"', uuid.UUID, uuid.UUID(int=1)),
        ('"12:30:00"', datetime.time, datetime.time(12, 30)),
        ('{"a":[1,{"b":null}]}', Any, {"a": [1, {"b": None}]}),
    ],
)
def test_values_by_annotation(text, annotation, value):
    found = from_json(text, annotation)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "annotation"),
    [
        ("true", int),
        ("1.0", int),
        ('"5"', int),
        ("1", bool),
        ("1", str),
        ('"NaN"', Decimal),
        ("NaN", Decimal),
        ("Infinity", Any),
        ('"2026-02-30"', datetime.date),
        ('"20260228"', datetime.date),
        ('"fine"', Grade),
        ("true", Literal[1]),
        ('{"a":1,"a":2}', dict[str, int]),
        ('{"amount":1,"colour":"red"}', Line),
        ("{}", Line),
        ("[1]", tuple[int, str]),
        ("{", dict),
        ("[" * 100_000, Any),
        (b"\xff", Any),
    ],
)
def test_what_does_not_fit_is_refused_without_being_repeated(text, annotation):
    with pytest.raises(DecodeError) as refusal:
        from_json(text, annotation)
    assert "fine" not in str(refusal.value)
    assert "colour" not in str(refusal.value)


def test_errors_name_the_place():
    with pytest.raises(DecodeError, match=r"lines\[1\]\.amount: expected an integer"):
        from_json('{"lines":[{"amount":1},{"amount":"x"}]}', Order)


def test_decimals_never_pass_through_float():
    """Defect: Decimal through float."""
    exact = "12345678901234567890.123456789012345678901234567890"
    assert from_json(exact, Decimal) == Decimal(exact)
    assert to_json(Decimal(exact)) == f'"{exact}"'.encode()
    model = from_json(f'{{"inners":[{{"rate":{exact},"due":"2026-01-01","grade":"good"}}]}}', Outer)
    assert model.inners[0].rate == Decimal(exact)


def test_floats_have_no_place():
    with pytest.raises(TypeError, match="not exact"):
        to_json({"rate": 1.5})
    with pytest.raises(TypeError, match="not exact"):
        from_json("1.5", float)


class Rounded(pydantic.BaseModel):
    rates: dict[str, float | None] = {}
    next: Rounded | None = None


@dataclass
class AroundRounded:
    inner: Rounded


@pytest.mark.parametrize(
    "annotation", [Rounded, list[Rounded], AroundRounded, Annotated[float, pydantic.Field(gt=0)]]
)
def test_floats_do_not_hide_in_models(annotation):
    with pytest.raises(TypeError, match="not exact"):
        from_json("{}", annotation)
    with pytest.raises(TypeError, match="not exact"):
        fitter(annotation)


def test_sets_have_no_order_to_agree_on():
    with pytest.raises(TypeError, match="set"):
        to_json({1, 2})


def test_time_zones_are_kept():
    """Defect: tz-aware datetimes shifted."""
    seoul = datetime.timezone(datetime.timedelta(hours=9))
    moment = datetime.datetime(2026, 3, 1, 9, 0, 0, 123456, tzinfo=seoul)
    again = from_json(to_json(moment), datetime.datetime)
    assert again == moment
    assert again.utcoffset() == datetime.timedelta(hours=9)
    assert from_json('"2026-03-01T00:00:00Z"', datetime.datetime).utcoffset() == datetime.timedelta(0)


def test_nested_models_are_resolved():
    """Defect: nested models unresolvable."""
    order = Order([Line(1, Decimal("2.5"))], parent=Order([], "first", tags={"a": Grade.BAD}))
    assert from_json(to_json(order), Order) == order
    outer = Outer(inners=[Inner(rate=Decimal("1.10"), due=datetime.date(2026, 1, 1), grade=Grade.GOOD)])
    assert from_json(to_json(outer), Outer) == outer
    assert to_json(outer) == b'{"inners":[{"rate":"1.10","due":"2026-01-01","grade":"good"}]}'


def test_pydantic_errors_keep_the_value_to_themselves():
    with pytest.raises(DecodeError) as refusal:
        from_json('{"inners":[{"rate":"secret","due":"2026-01-01","grade":"good"}]}', Outer)
    assert "inners.0.rate" in str(refusal.value)
    assert "secret" not in str(refusal.value)


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False).map(str)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=20,
)


class Lax(pydantic.BaseModel):
    """A model that is not strict by itself; with a validator that pydantic runs before its own."""

    number: int = 0
    text: str = ""
    flag: bool = False
    rate: Annotated[Decimal, pydantic.BeforeValidator(lambda value: value)] = Decimal(0)
    due: datetime.date | None = None
    numbers: list[int] = []
    names: dict[int, str] = {}
    grade: Grade | None = None
    renamed: int = pydantic.Field(default=0, alias="as")
    inner: Lax | None = None


@pytest.mark.parametrize(
    "text",
    [
        '{"number":"5"}',
        '{"number":true}',
        '{"number":5.0}',
        '{"number":"5","rate":"1"}',
        '{"number":true,"rate":"1"}',
        '{"text":5}',
        '{"text":1.5}',
        '{"text":1.5,"rate":"1"}',
        '{"flag":1}',
        '{"flag":"true"}',
        '{"flag":1,"rate":"1"}',
        '{"numbers":[1,"2"]}',
        '{"numbers":[true],"rate":"1"}',
        '{"names":{"1":"a","01":"b"}}',
        '{"names":{"+1":"a"}}',
        '{"grade":1}',
        '{"as":"5","rate":"1"}',
        '{"inner":{"number":"5","rate":"1"}}',
        '{"due":0}',
    ],
)
def test_models_take_nothing_for_what_it_is_not(text):
    """Defect: a lax model takes "5" and true for 5, and "1" and "01" for one key."""
    with pytest.raises(DecodeError):
        from_json(text, Lax)


def test_models_take_what_json_can_say():
    text = (
        '{"number":5,"text":"x","flag":true,"rate":0.1000000000000000000000000001,"due":"2026-01-02",'
        '"numbers":[1],"names":{"1":"a","-20":"b"},"grade":"good","as":7,"inner":{"rate":"1.50"}}'
    )
    found = from_json(text, Lax)
    assert found.rate == Decimal("0.1000000000000000000000000001")
    assert (found.due, found.names, found.renamed) == (datetime.date(2026, 1, 2), {1: "a", -20: "b"}, 7)
    assert found.inner.rate == Decimal("1.50")
    assert from_json(to_json(found), Lax) == found


@pytest.mark.parametrize("name", ["01", "+1", " 1", "1.0", "1_0", "-0", "--1", "٣", ""])
def test_an_integer_has_one_name(name):
    with pytest.raises(DecodeError, match="an integer"):
        from_json(f'{{"{name}":"x"}}', dict[int, str])


def test_names_that_nobody_declared_are_not_repeated():
    class Closed(pydantic.BaseModel):
        model_config = pydantic.ConfigDict(extra="forbid")

    for text, annotation in (
        ('{"secret":1}', Closed),
        ('{"secret":"x"}', dict[str, int]),
        ('{"secret":1}', dict[datetime.date, int]),
    ):
        with pytest.raises(DecodeError) as refusal:
            from_json(text, annotation)
        assert "secret" not in str(refusal.value)


def test_two_keys_with_one_name_are_not_written():
    with pytest.raises(TypeError, match="same name"):
        to_json({1: "a", "1": "b"})


def test_a_moment_has_an_offset():
    """Defect: tz-aware datetimes shifted. Without an offset each reader would shift one differently."""
    with pytest.raises(DecodeError, match="with its offset"):
        from_json('"2026-03-01T00:00:00"', datetime.datetime)
    with pytest.raises(TypeError, match="make it aware"):
        to_json(datetime.datetime(2026, 3, 1))


def test_half_a_character_is_no_text():
    for text in (r'"\ud800"', r'{"\udc00":1}'):
        with pytest.raises(DecodeError, match="not valid JSON"):
            from_json(text, Any)
    assert from_json(r'"\ud83d\ude00"', str) == "😀"
    with pytest.raises(TypeError, match="half a character"):
        to_json("\ud800")


@pytest.mark.parametrize(
    "annotation",
    [int | Decimal, str | datetime.date, Decimal | str, bytes | str, list[uuid.UUID | datetime.datetime]],
)
def test_unions_whose_members_look_alike_in_json_are_refused(annotation):
    with pytest.raises(TypeError, match="look alike"):
        from_json("1", annotation)


@settings(deadline=None)
@given(_VALUES)
def test_json_round_trip(value):
    assert from_json(to_json(value), Any) == value


@settings(deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_decimal_round_trip_keeps_every_digit(value):
    assert from_json(to_json(value), Decimal).as_tuple() == value.as_tuple()


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_OFFSETS = st.integers(-14 * 60, 14 * 60).map(
    lambda minutes: datetime.timezone(datetime.timedelta(minutes=minutes))
)
_SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    str: _TEXT,
    int: st.integers(),
    bool: st.booleans(),
    bytes: st.binary(max_size=8),
    Decimal: st.decimals(allow_nan=False, allow_infinity=False),
    datetime.date: st.dates(),
    datetime.datetime: st.datetimes(timezones=_OFFSETS),
    datetime.time: st.times(),
    uuid.UUID: st.uuids(),
    Grade: st.sampled_from(Grade),
    Stage: st.sampled_from(Stage),
    Literal["x", "null", '"']: st.sampled_from(["x", "null", '"']),
    LoanId: _TEXT,
    ShortText: st.text(st.characters(exclude_categories=["Cs"]), max_size=3),
    Line: st.builds(Line, st.integers(), st.decimals(allow_nan=False, allow_infinity=False)),
    Inner: st.builds(Inner, rate=st.decimals(-9, 9, places=4), due=st.dates(), grade=st.sampled_from(Grade)),
}
_KEYS = [str, int, datetime.date, uuid.UUID, Stage, LoanId]


def _typed(inner: st.SearchStrategy[tuple[Any, Any]]) -> st.SearchStrategy[tuple[Any, Any]]:
    """Pairs of an annotation and a strategy for its values, from such pairs."""
    keys = st.sampled_from(_KEYS)
    return (
        inner.map(lambda pair: (list[pair[0]], st.lists(pair[1], max_size=3)))
        | inner.map(lambda pair: (tuple[pair[0], ...], st.lists(pair[1], max_size=3).map(tuple)))
        | inner.map(lambda pair: (Optional[pair[0]], st.none() | pair[1]))  # noqa: UP045 - also a NewType
        | st.tuples(inner, inner).map(
            lambda two: (tuple[two[0][0], two[1][0]], st.tuples(two[0][1], two[1][1]))
        )
        | st.tuples(keys, inner).map(
            lambda two: (dict[two[0], two[1][0]], st.dictionaries(_SCALARS[two[0]], two[1][1], max_size=3))
        )
    )


_ANNOTATED = st.recursive(
    st.sampled_from([*_SCALARS]).map(lambda annotation: (annotation, _SCALARS[annotation])),
    _typed,
    max_leaves=3,
)


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_arguments_and_results_come_back_as_they_were(data):
    annotation, values = data.draw(_ANNOTATED)
    value = data.draw(values)

    def function(self, ctx, given):
        return given

    function.__annotations__ = {"given": annotation, "return": annotation}
    contract = type("Typed", (Contract,), {"function": query(function)})
    found = Registry([contract]).find("function")
    arguments = found.arguments(found.encode_arguments([value]), {})
    assert arguments == {"given": value}
    assert type(arguments["given"]) is type(value)
    result = found.encode(value)
    assert decode_result(result, annotation) == value
    assert found.encode(decode_result(result, annotation)) == result


# Functions


class Sample(Contract):
    name = "sample"

    @query
    def typed(
        self,
        ctx: Context,
        loan: LoanId,
        short: ShortText,
        data: bytes,
        amount: Decimal,
        order: Private[Order],
        grade: Grade = Grade.GOOD,
        secret: Private[bytes | None] = None,
    ) -> Order:
        return order

    @query
    def none(self, ctx: Context) -> None:
        return None


TYPED = Registry([Sample]).find("typed")
ARGS = [b"L-1", b"abc", b"\x00\xff", b"1.10"]
ORDER = {"order": b'{"lines":[]}'}


def test_arguments_are_read_by_their_annotations():
    """Defect: bytes arguments and results mangled."""
    values = TYPED.arguments([*ARGS, b'"bad"'], ORDER)
    assert values == {
        "loan": "L-1",
        "short": "abc",
        "data": b"\x00\xff",
        "amount": Decimal("1.10"),
        "grade": Grade.BAD,
        "order": Order([]),
    }


@pytest.mark.parametrize(
    ("args", "transient", "reason"),
    [
        (ARGS[:3], ORDER, "expected 4 to 5 argument(s), got 3"),
        ([*ARGS, b'"bad"', b"x"], ORDER, "expected 4 to 5 argument(s), got 6"),
        ([b"L-1", b"abcd", *ARGS[2:]], ORDER, "short: String should have at most 3 characters"),
        ([b"\xff", *ARGS[1:]], ORDER, "loan: expected UTF-8 text"),
        ([*ARGS[:3], b"ten"], ORDER, "amount: not valid JSON"),
        (ARGS, {}, "transient field 'order' is missing"),
        (ARGS, {"order": b'{"lines":1}'}, "transient order: lines: expected a list"),
    ],
)
def test_wrong_arguments_are_answered_with_the_signature(args, transient, reason):
    with pytest.raises(ContractError) as refusal:
        TYPED.arguments(args, transient)
    assert refusal.value.code == "INVALID_ARGUMENT"
    assert reason in refusal.value.message
    assert "typed(loan: str, short: str, data: bytes, amount: Decimal, order: Private[Order]" in str(
        refusal.value
    )


def test_functions_are_found_with_and_without_the_contract_name():
    registry = Registry([Sample])
    assert registry.find("sample:none") is registry.find("none")
    with pytest.raises(
        ContractError, match=r"UNKNOWN_FUNCTION: no function 'nothing'; known: none\(\) -> None"
    ):
        registry.find("nothing")
    with pytest.raises(ContractError, match="UNKNOWN_FUNCTION"):
        registry.find("before")


@pytest.mark.parametrize(
    ("value", "annotation", "data"),
    [
        ("text", str, b"text"),
        (b"\x00", bytes, b"\x00"),
        (None, None, b""),
        (None, int | None, b"null"),
        ("text", str | None, b'"text"'),
        (Stage.OPEN, Stage, b'"open"'),
        (Decimal("1.0"), Decimal, b'"1.0"'),
        ([1], list[int], b"[1]"),
    ],
)
def test_results_come_back_as_they_left(value, annotation, data):
    assert result_encoder(annotation)(value) == data
    assert decode_result(data, annotation) == value


def test_arguments_on_the_wire():
    assert [encode_argument(v) for v in ("a", b"b", 3, Stage.OPEN)] == [b"a", b"b", b"3", b'"open"']


@pytest.mark.parametrize("annotation", [float, list[float], set[int], complex, None])
def test_functions_that_cannot_be_served_fail_when_the_registry_is_built(annotation):
    class Wrong(Contract):
        def function(self, ctx, value):
            return None

    if annotation is not None:
        Wrong.function.__annotations__["value"] = annotation
    query(Wrong.function)
    with pytest.raises(TypeError, match=r"Wrong\.function.*value"):
        Registry([Wrong])


@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        ("5", int),
        (5, str),
        ("x", bytes),
        (b"x", str),
        ({"rate": 1}, Inner),
        ([Line(1)], list[int]),
        (1, None),
    ],
)
def test_results_that_do_not_fit_are_not_returned(value, annotation):
    with pytest.raises(TypeError, match="does not fit"):
        result_encoder(annotation)(value)


class Wider(Inner):
    secret: str = "hush"


@dataclass(frozen=True)
class WiderLine(Line):
    secret: str = "hush"


def test_results_are_limited_to_what_the_annotation_shows():
    wide = Wider(rate=Decimal("1.0"), due=datetime.date(2026, 1, 1), grade=Grade.BAD)
    shown = b'{"rate":"1.0","due":"2026-01-01","grade":"bad"}'
    assert result_encoder(Inner)(wide) == shown
    assert result_encoder(list[Inner])([wide]) == b"[" + shown + b"]"
    with pytest.raises(TypeError, match="1 unknown field"):
        result_encoder(Line)(WiderLine(1))


class HalfPrivate(Contract):
    @query
    def function(self, ctx: Context, value: Private[int] | None = None) -> None:
        return None


def test_private_inside_another_annotation_is_refused():
    with pytest.raises(TypeError, match=r"goes around the whole annotation"):
        Registry([HalfPrivate])
