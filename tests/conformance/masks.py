"""What varies from run to run, and nothing else: the few rules by which answers are made comparable."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n?", re.S), "{certificate}"),
    (re.compile(r"\b[0-9a-f]{600,}\b"), "{creator}"),  # a serialized identity, as the endorser prints it
    (re.compile(r"\b[0-9a-f]{64}\b"), "{hash}"),
    (re.compile(r"\b[0-9a-f]{8}\b(?=\])"), "{id}"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?( ?[+-]\d{4} UTC|Z)?"), "{time}"),
    (re.compile(r"\b[a-z0-9.-]+:\d{4,5}\b"), "{address}"),
    (re.compile(r"(?<=BlockNum: )\d+"), "{number}"),
    (re.compile(r"[ \u00a0]+"), " "),  # blanks in the text of Go's protobuf differ from build to build
    (re.compile(r"(?<=serial number )\d+"), "{number}"),
    (re.compile(r"(?<=message payload is )\d+"), "{size}"),
    (re.compile(r"(?<=send message larger than max \()\d+"), "{size}"),
    (re.compile(r"(?<=a message of )\d+(?= bytes)"), "{size}"),
    (re.compile(r'(?<=value:")(\\.|[^"\\])*(?=")', re.S), "{bytes}"),  # in the text of a protobuf message
    (re.compile(r'(?<=host:")[^"]+(?=")'), "{host}"),
    (re.compile(r"(?<=; known: ).*"), "{functions}"),  # a contract's own list, which grows
)


def mask(value: Any, names: Mapping[str, str]) -> Any:
    """`value` with this run's own `names` ({placeholder: text}) and all that RULES match replaced."""
    if isinstance(value, dict):
        return {key: mask(item, names) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [mask(item, names) for item in value]
    if not isinstance(value, str):
        return value
    for placeholder, text in names.items():
        value = value.replace(text, "{" + placeholder + "}")
    for pattern, replacement in RULES:
        value = pattern.sub(replacement, value)
    return value
