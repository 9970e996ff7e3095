"""Times, durations and truth values as Go's standard library reads them, and its words for what is none."""

import datetime
import re

_LAYOUT = "2006-01-02T15:04:05Z07:00"
_PARTS = (
    ("2006", r"\d{4}"),
    ("-", "-"),
    ("01", r"\d{2}"),
    ("-", "-"),
    ("02", r"\d{2}"),
    ("T", "T"),
    ("15", r"\d{2}"),
    (":", ":"),
    ("04", r"\d{2}"),
    (":", ":"),
    ("05", r"\d{2}(?:[.,]\d+)?"),
    ("Z07:00", r"Z|[+-]\d{2}:\d{2}"),
)
_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+\.?\d*|\.\d+)([a-zµμ]+)")


class GoValueError(ValueError):
    """What Go says of the text."""


def parse_time(text: str) -> datetime.datetime:
    """An RFC 3339 time, aware and in UTC. Raises GoValueError as time.Parse does."""
    rest = text
    fields: list[str] = []
    for name, pattern in _PARTS:
        found = re.match(pattern, rest)
        if found is None:
            raise GoValueError(f'parsing time "{text}" as "{_LAYOUT}": cannot parse "{rest}" as "{name}"')
        fields.append(found[0])
        rest = rest[found.end() :]
    if rest:
        raise GoValueError(f'parsing time "{text}": extra text: "{rest}"')
    year, month, day, hour, minute = (int(fields[index]) for index in (0, 2, 4, 6, 8))
    second, _, fraction = fields[10].replace(",", ".").partition(".")
    for value, low, high, name in (
        (month, 1, 12, "month"),
        (day, 1, 31, "day"),
        (hour, 0, 23, "hour"),
        (minute, 0, 59, "minute"),
        (int(second), 0, 59, "second"),
    ):
        if not low <= value <= high:
            raise GoValueError(f'parsing time "{text}": {name} out of range')
    try:
        moment = datetime.datetime(
            max(year, 1), month, day, hour, minute, int(second), int(f"{fraction:0<6}"[:6]), datetime.UTC
        )
        return moment - _offset(fields[11])
    except (ValueError, OverflowError) as error:
        raise GoValueError(f'parsing time "{text}": day out of range') from error


def parse_duration(text: str) -> datetime.timedelta:
    """A duration such as ``-1h30m``. Raises GoValueError as time.ParseDuration does."""
    body = text.lstrip("+-") if len(text) - len(text.lstrip("+-")) <= 1 else text
    if body == "0":
        return datetime.timedelta(0)
    seconds, at = 0.0, 0
    while at < len(body):
        found = _DURATION.match(body, at)
        if found is None or found[2] not in _UNITS:
            raise GoValueError(_duration_problem(text, body[at:]))
        seconds += float(found[1]) * _UNITS[found[2]]
        at = found.end()
    if not body:
        raise GoValueError(f'time: invalid duration "{text}"')
    return datetime.timedelta(seconds=-seconds if text.startswith("-") else seconds)


def parse_bool(text: str) -> bool:
    """One of Go's twelve words. Raises GoValueError as strconv.ParseBool does."""
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise GoValueError(f'strconv.ParseBool: parsing "{text}": invalid syntax')


def _duration_problem(text: str, rest: str) -> str:
    number = re.match(r"\d+\.?\d*|\.\d+", rest)
    if number is None:
        return f'time: invalid duration "{text}"'
    unit = re.match(r"[^.\d]*", rest[number.end() :])
    if unit is None or not unit[0]:
        return f'time: missing unit in duration "{text}"'
    return f'time: unknown unit "{unit[0]}" in duration "{text}"'


def _offset(zone: str) -> datetime.timedelta:
    if zone == "Z":
        return datetime.timedelta(0)
    size = datetime.timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6]))
    return -size if zone[0] == "-" else size
