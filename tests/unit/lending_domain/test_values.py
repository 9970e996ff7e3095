"""Canonical JSON, commitments, the duplicate check's keys."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from lending_domain.canonical import canonical, parse
from lending_domain.commitment import commit, opens
from lending_domain.documents import has_resident_number, mask_resident_numbers
from lending_domain.duplicates import business_number, duplicate_key, duplicate_keys
from lending_domain.enterprise import Sector
from lending_domain.money import Percent
from lending_domain.violations import Refused

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("ab가나_", max_size=3), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(JSON)
def test_canonical_is_a_fixed_point(value: object) -> None:
    once = canonical(value)
    assert canonical(parse(once)) == once


def test_canonical_forms() -> None:
    seoul = timezone(timedelta(hours=9))
    value = {
        "나": date(2024, 2, 29),
        "가": Decimal("3.50"),
        "z": datetime(2024, 3, 1, 9, tzinfo=seoul),
        "a": [True, None, 10**30, Sector.RETAIL],
    }
    assert canonical(value).decode() == (
        '{"a":[true,null,1000000000000000000000000000000,"retail"],"z":"2024-03-01T00:00:00Z",'
        '"가":"3.50","나":"2024-02-29"}'
    )
    assert canonical("\u1100\u1161") == canonical("\uac00")
    assert canonical(datetime(2024, 3, 1, tzinfo=UTC)) == b'"2024-03-01T00:00:00Z"'


@pytest.mark.parametrize("value", [1.0, b"x", {1: 2}, {"a"}, datetime(2024, 1, 1), Decimal("NaN"), object()])
def test_not_canonical(value: object) -> None:
    with pytest.raises(TypeError):
        canonical(value)


@pytest.mark.parametrize("text", ["1.5", "NaN", '{"a":1,"a":1}', "1e3"])
def test_not_parsed(text: str) -> None:
    with pytest.raises(ValueError, match=r"fractions|twice"):
        parse(text)


def test_commitments() -> None:
    salt = bytes(range(32))
    made = commit({"score": 42}, salt)
    assert opens(made, {"score": 42}, salt)
    assert not opens(made, {"score": 43}, salt)
    assert not opens(made, {"score": 42}, bytes(32))
    assert not opens(made, {"score": 42}, b"")
    with pytest.raises(ValueError, match="128"):
        commit(1, b"short")


def test_business_numbers() -> None:
    assert business_number("000-12-34560") == "0001234560"
    for text in ("0001234561", "123", "", "000123456０", "00012345600"):
        with pytest.raises(Refused) as refusal:
            business_number(text)
        assert refusal.value.code == "BUSINESS_NUMBER_INVALID"
        assert not text or text not in str(refusal.value)


def test_duplicate_keys() -> None:
    old, new = b"o" * 32, b"n" * 32
    keys = duplicate_keys({1: old, 2: new}, "000-12-34560", "linking")
    assert [(one.version, one.subject) for one in keys] == [
        (2, "firm"),
        (2, "representative"),
        (1, "firm"),
        (1, "representative"),
    ]
    assert len({one.key for one in keys}) == 4
    assert duplicate_key(new, 2, "firm", "0001234560") == keys[0]
    with pytest.raises(ValueError, match="256"):
        duplicate_key(b"short", 1, "firm", "0001234560")


def test_resident_numbers_are_found_and_masked() -> None:
    # Put together here, so that no such number stands in the repository.
    number = "900101" + "-" + "1" * 7
    assert has_resident_number(f"성명 {number}")
    assert has_resident_number(number.replace("-", ""))
    assert not has_resident_number("000-12-34560 2024-01-15 1000000000000")
    assert mask_resident_numbers(f"번호 {number}.") == "번호 [masked]."
    assert mask_resident_numbers("900101-1******") == "[masked]"


def test_a_rate_with_endless_zeros_is_refused() -> None:
    adapter = TypeAdapter(Percent)
    for text in ("0E-999999999", "0." + "0" * 40, "NaN", "Infinity", "1E+400000000"):
        with pytest.raises(ValidationError):
            adapter.validate_python(text)
    assert adapter.validate_python("3.350000") == Decimal("3.35")
