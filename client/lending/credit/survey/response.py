"""A rater's response: answers under a pseudonym, signed, and refused when altered or given twice.

Canonical JSON, signed with an identity's key as letters are. A response names no person: the rater is a
pseudonym, derived from the signing key and the survey, so that one key is one rater of a survey and nobody
links two surveys by it without the certificate. Responses transcribed from paper are signed by whoever
collected them, many under one key, and say so. Officers' certificates name roles.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import AwareDatetime, StringConstraints, TypeAdapter, ValidationError

from hlf.errors import IdentityError
from hlf.identity import SigningIdentity, load_certificate, verify
from lending.credit.survey.definition import Definition, SurveyError
from lending.credit.survey.judgements import read_judgement
from lending_domain.canonical import Json, canonical, parse
from lending_domain.values import Flag, Hex256, Value
from lending_domain.violations import Refused, Violation, Violations, refuse

_LABEL = b"dure survey response 1\n"
# A serial number as on paper, or random hex: never a name, nor as many digits as a registration number has.
Pseudonym = Annotated[str, StringConstraints(pattern=r"^([A-Za-z]{0,9}-?[0-9]{1,5}|r-[0-9a-f]{16})$")]


_PSEUDONYM: TypeAdapter[str] = TypeAdapter(Pseudonym)
NO_NAME = "a rater is a serial number such as R-017, never a name"


class Origin(StrEnum):
    """How the answers came to be."""

    SESSION = "session"  # given by the rater at the prompt
    TRANSCRIBED = "transcribed"  # typed in from paper by whoever collected it
    SYNTHETIC = "synthetic"  # drawn by a program: no person gave them


class Response(Value):
    """What is signed. answers: question id -> judgement ("3", "1/3", "2.5"); organization: the signer's."""

    survey: str
    definition_digest: Hex256
    rater: Pseudonym
    organization: str = ""
    origin: Origin
    synthetic: Flag = False
    answered_at: AwareDatetime
    answers: dict[str, str]

    def message(self) -> bytes:
        """The bytes that are signed."""
        return _LABEL + canonical(self)


class SignedResponse(Value):
    """A response with its signer's certificate (PEM) and signature (DER, base64); both empty if unsigned."""

    response: Response
    certificate: str = ""
    signature: str = ""

    @property
    def signed(self) -> bool:
        """Whether it claims to be signed."""
        return bool(self.signature or self.certificate)

    def to_bytes(self) -> bytes:
        """Canonical JSON: what is stored and sent."""
        return canonical(self)

    @classmethod
    def from_bytes(cls, data: bytes | str) -> SignedResponse:
        """The response in `data`. `Refused` RESPONSE_MALFORMED when it is none."""
        try:
            return cls.from_json(parse(data))
        except (ValueError, RecursionError) as error:
            if isinstance(error, Refused):
                raise
            raise _malformed() from error

    @classmethod
    def from_json(cls, value: Json) -> SignedResponse:
        """The response in a JSON value. `Refused` RESPONSE_MALFORMED when it is none."""
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            raise _malformed() from error


def read_responses(data: bytes) -> list[SignedResponse]:
    """The responses of a JSON file: one, a list of them, or a document with such a list as `responses`.

    `Refused` RESPONSE_MALFORMED when it holds none.
    """
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _malformed() from error
    several = content.get("responses") if isinstance(content, dict) else content
    if isinstance(several, list):
        return [SignedResponse.from_json(one) for one in several]
    return [SignedResponse.from_bytes(data)]


def pseudonym(definition: Definition, certificate_pem: bytes | str) -> str:
    """The rater's name in a survey: of the key, so that a renewed certificate is the same rater."""
    pem = certificate_pem.encode() if isinstance(certificate_pem, str) else certificate_pem
    key = load_certificate(pem).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return "r-" + hashlib.sha256(_LABEL + definition.digest.encode() + key).hexdigest()[:16]


def new_rater() -> str:
    """A pseudonym for a rater without a key."""
    return "r-" + os.urandom(8).hex()


def is_pseudonym(rater: str) -> bool:
    """Whether a rater may be called that: a serial number, or random hex of `new_rater`; never a name."""
    try:
        _PSEUDONYM.validate_python(rater)
    except ValidationError:
        return False
    return True


def respond(
    definition: Definition,
    answers: Mapping[str, str],
    answered_at: datetime,
    *,
    rater: str,
    origin: Origin = Origin.SESSION,
    signer: SigningIdentity | None = None,
) -> SignedResponse:
    """A response, signed if there is a signer. SurveyError for an answer or a pseudonym that cannot be.

    answered_at: aware. A rater's own signed session must go under `pseudonym(definition, certificate)`.
    """
    kept = {name: read_judgement(definition, name, judged) for name, judged in answers.items()}
    try:
        response = Response(
            survey=definition.id,
            definition_digest=definition.digest,
            rater=rater,
            organization=signer.msp_id if signer else "",
            origin=origin,
            synthetic=origin is Origin.SYNTHETIC,
            answered_at=answered_at,
            answers={name: kept[name] for name in definition.asked if name in kept},
        )
    except ValidationError as error:
        fields = ", ".join(str(one["loc"][0]) for one in error.errors())
        raise SurveyError(f"{fields}: cannot stand in a response; {NO_NAME}") from error
    if signer is None:
        return SignedResponse(response=response)
    signature = base64.b64encode(signer.sign(response.message())).decode()
    return SignedResponse(response=response, certificate=signer.certificate.decode(), signature=signature)


def response_violations(
    signed: SignedResponse,
    definition: Definition,
    anchors: Mapping[str, Sequence[bytes | str]] | None = None,
    *,
    allow_unsigned: bool = False,
) -> Violations:
    """Everything that is wrong with one response; empty when it may be counted.

    anchors: organization -> CA certificates (PEM), of which one must have issued the signer's; None does not
    ask who the signer is. Certificates are judged at the time of the answers.
    """
    response = signed.response
    found: list[Violation] = []
    if response.definition_digest != definition.digest:
        found.append(
            _wrong(
                "RESPONSE_OF_ANOTHER_SURVEY",
                "다른 설문 또는 다른 판의 설문에 대한 응답입니다.",
                "The response is to another survey, or to another version of this one.",
                "definition_digest",
            )
        )
    elif wrong := _unreadable(definition, response):
        found.append(
            _wrong(
                "RESPONSE_ANSWER",
                "설문에 없는 문항이거나 척도를 벗어난 답입니다.",
                "An answer is to no question of the survey, or beyond its scale.",
                f"answers.{wrong}",
            )
        )
    if response.synthetic is not (response.origin is Origin.SYNTHETIC):
        found.append(
            _wrong(
                "RESPONSE_LABEL",
                "합성 응답의 표시가 서로 맞지 않습니다.",
                "The labels of a synthetic response contradict each other.",
                "synthetic",
            )
        )
    if signed.signed:
        found.extend(_signature_violations(signed, definition, anchors))
    elif not allow_unsigned:
        found.append(
            _wrong("RESPONSE_UNSIGNED", "서명이 없는 응답입니다.", "The response is not signed.", "signature")
        )
    return tuple(found)


@dataclass(frozen=True)
class Refusal:
    """A response that was not counted, by its place among those given."""

    place: int
    rater: str
    violations: Violations


@dataclass(frozen=True)
class Collection:
    """Responses that may be counted, and those that may not."""

    responses: tuple[SignedResponse, ...]
    refused: tuple[Refusal, ...]

    @property
    def unsigned(self) -> int:
        """How many of those counted carry no signature."""
        return sum(not one.signed for one in self.responses)

    @property
    def synthetic(self) -> bool:
        """Whether any of those counted was drawn by a program."""
        return any(one.response.synthetic for one in self.responses)


def collect(
    definition: Definition,
    given: Iterable[SignedResponse],
    anchors: Mapping[str, Sequence[bytes | str]] | None = None,
    *,
    allow_unsigned: bool = False,
) -> Collection:
    """Check every response, each counted once.

    A copy of one is refused. Of several that differ under one pseudonym none is counted: which of them is
    meant, no rule can say. A response that is wrong by itself takes no other's place.
    """
    checked = [
        (one, response_violations(one, definition, anchors, allow_unsigned=allow_unsigned)) for one in given
    ]
    said: dict[str, set[bytes]] = {}
    for one, found in checked:
        if not found:
            said.setdefault(one.response.rater, set()).add(one.response.message())
    counted: dict[str, SignedResponse] = {}
    refused = []
    for place, (one, found) in enumerate(checked):
        rater = one.response.rater
        if not found and (rater in counted or len(said[rater]) > 1):
            refused.append(Refusal(place, rater, (_TWICE,)))
        elif found:
            refused.append(Refusal(place, rater, found))
        else:
            counted[rater] = one
    return Collection(tuple(counted.values()), tuple(refused))


_TWICE = Violation(
    code="RESPONSE_TWICE",
    ko="같은 응답자의 응답이 둘 이상입니다.",
    en="There is more than one response of this rater.",
    field="rater",
)


def _unreadable(definition: Definition, response: Response) -> str | None:
    for name, judged in response.answers.items():
        try:
            read_judgement(definition, name, judged)
        except SurveyError:
            return name
    return None


def _signature_violations(
    signed: SignedResponse, definition: Definition, anchors: Mapping[str, Sequence[bytes | str]] | None
) -> Iterable[Violation]:
    response, pem = signed.response, signed.certificate.encode()
    try:
        signature = base64.b64decode(signed.signature, validate=True)
        genuine = verify(pem, response.message(), signature)
        own = pseudonym(definition, pem)
        certificate = load_certificate(pem)
    except (IdentityError, binascii.Error, ValueError):
        genuine, own, certificate = False, "", None
    if not genuine or certificate is None:
        yield _wrong(
            "RESPONSE_SIGNATURE",
            "전자서명이 응답과 맞지 않습니다. 위조되었거나 변경된 응답입니다.",
            "The signature does not fit the response: it was forged or altered.",
            "signature",
        )
        return
    if response.origin is Origin.SESSION and response.rater != own:
        yield _wrong(
            "RESPONSE_RATER",
            "응답자의 가명이 서명한 키에서 나온 것이 아닙니다.",
            "The rater's pseudonym is not the one that the signing key has in this survey.",
            "rater",
        )
    if anchors is not None and not any(
        _issued(anchor, certificate, response.answered_at)
        for anchor in anchors.get(response.organization, ())
    ):
        yield _wrong(
            "RESPONSE_UNTRUSTED_SIGNER",
            "서명한 인증서가 해당 기관의 인증기관에서 나온 것이 아니거나 유효기간이 아닙니다.",
            "The signing certificate was not issued by a CA known for the organization, or not valid then.",
            "certificate",
        )


def _issued(anchor_pem: bytes | str, certificate: x509.Certificate, at: datetime) -> bool:
    try:
        anchor = load_certificate(anchor_pem.encode() if isinstance(anchor_pem, str) else anchor_pem)
        certificate.verify_directly_issued_by(anchor)
        authority = anchor.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (IdentityError, ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    return authority and all(
        one.not_valid_before_utc <= at <= one.not_valid_after_utc for one in (anchor, certificate)
    )


def _malformed() -> Refused:
    return refuse(
        "RESPONSE_MALFORMED",
        "설문 응답의 형식이 올바르지 않습니다.",
        "This is not a well-formed response to a survey.",
    )


def _wrong(code: str, ko: str, en: str, field: str) -> Violation:
    return Violation(code=code, ko=ko, en=en, field=field)
