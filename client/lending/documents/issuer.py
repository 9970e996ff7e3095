"""The issuers' side: an adapter that fetches a document, and a simulator of it for mois, nts and moel.

The government's real services would stand behind the same `IssuerAdapter`. An adapter never hands out a
resident registration number, and masks household members' names: both are third parties' or forbidden data.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Protocol

from lending.documents.pdf import document_pdf
from lending_domain.documents import DocumentContent, mask_resident_numbers, refuse_resident_numbers
from lending_domain.duplicates import business_number
from lending_domain.enterprise import Sector
from lending_domain.funds import catalogue
from lending_domain.money import Won
from lending_domain.values import Count, Flag, Value
from lending_domain.violations import refuse

ISSUER_NAMES = {"mois": "행정안전부", "nts": "국세청", "moel": "고용노동부"}


class Subject(Value):
    """The person and the firm whom the simulated registers know; fictional in every test and demonstration.

    linking_value: the representative's 연계정보 (simulated), never a registration number.
    """

    name: str
    business_name: str
    business_number: str
    linking_value: str
    address: str
    business_address: str
    sector: Sector
    registered_on: date
    resident_since: date
    moves_in_two_years: Count = 0
    regular_workers: Count
    annual_sales_krw: Won
    household: tuple[str, ...] = ()
    corporation: Flag = False


class IssuerAdapter(Protocol):
    """Fetches documents of one issuing organization."""

    organization: str

    def kinds(self) -> Sequence[str]:
        """The document kinds that this organization issues."""
        ...

    def fetch(self, kind: str, subject: Subject, document_id: str, on: date) -> DocumentContent:
        """The document as issued on that day. Raises `Refused` NOT_ISSUED_HERE."""
        ...


def mask_name(name: str) -> str:
    """A third party's name with all but the first character hidden."""
    return name[:1] + "*" * max(1, len(name) - 1)


class IssuerSimulator:
    """Makes realistic documents (fields and a small PDF) of one issuer, the same for the same input."""

    def __init__(self, organization: str) -> None:
        if organization not in ISSUER_NAMES:
            raise ValueError(f"no simulated issuer is called {organization!r}")
        self.organization = organization

    def kinds(self) -> Sequence[str]:
        """The document kinds that this organization issues."""
        return tuple(name for name, kind in catalogue().documents.items() if kind.issuer == self.organization)

    def fetch(self, kind: str, subject: Subject, document_id: str, on: date) -> DocumentContent:
        """The document as issued on that day. Raises `Refused` NOT_ISSUED_HERE, DOCUMENT_UNKNOWN."""
        described = catalogue().document(kind)
        if described.issuer != self.organization:
            raise refuse(
                "NOT_ISSUED_HERE",
                "이 기관이 발급하는 서류가 아닙니다.",
                "This organization does not issue that document.",
                "kind",
            )
        maker = _MAKERS.get(kind, _certificate)
        fields: dict[str, Any] = {name: _masked(value) for name, value in maker(subject, kind, on).items()}
        refuse_resident_numbers(fields, "fields")
        number = _document_number(self.organization, document_id)
        pdf = document_pdf(described.ko, ISSUER_NAMES[self.organization], number, on, fields)
        return DocumentContent(
            id=document_id,
            kind=kind,
            issuer=self.organization,
            issued_on=on,
            fields={"문서확인번호": number, **fields},
            pdf=base64.b64encode(pdf).decode(),
        )


def _masked(value: object) -> object:
    if isinstance(value, str):
        return mask_resident_numbers(value)
    if isinstance(value, list):
        return [_masked(item) for item in value]
    return value


def _document_number(organization: str, document_id: str) -> str:
    text = hashlib.sha256(f"{organization}/{document_id}".encode()).hexdigest()[:16].upper()
    return "-".join(text[i : i + 4] for i in range(0, 16, 4))


def _resident(subject: Subject, kind: str, on: date) -> Mapping[str, object]:
    del kind, on
    return {
        "세대주": subject.name,
        "주소": subject.address,
        "전입일": subject.resident_since.isoformat(),
        "최근 2년 주소변동": subject.moves_in_two_years,
        "세대원": [mask_name(name) for name in subject.household],
    }


def _registration(subject: Subject, kind: str, on: date) -> Mapping[str, object]:
    del kind, on
    digits = business_number(subject.business_number)
    return {
        "상호": subject.business_name,
        "대표자": subject.name,
        "사업자등록번호": f"{digits[:3]}-{digits[3:5]}-{digits[5:]}",
        "사업장 소재지": subject.business_address,
        "업종": subject.sector.value,
        "사업자등록일": subject.registered_on.isoformat(),
        "사업자 구분": "법인" if subject.corporation else "개인",
        "사업자 상태": "계속사업자",
    }


def _workers(subject: Subject, kind: str, on: date) -> Mapping[str, object]:
    del kind
    return {
        "사업장": subject.business_name,
        "기준월": f"{on:%Y-%m}",
        "상시근로자수": subject.regular_workers,
        "고용보험 가입": subject.regular_workers > 0,
    }


def _sales(subject: Subject, kind: str, on: date) -> Mapping[str, object]:
    del kind
    half = subject.annual_sales_krw // 2
    return {
        "상호": subject.business_name,
        "과세연도": on.year - 1,
        "1기 과세표준": half,
        "2기 과세표준": subject.annual_sales_krw - half,
        "합계": subject.annual_sales_krw,
    }


def _family(subject: Subject, kind: str, on: date) -> Mapping[str, object]:
    del kind, on
    return {"본인": subject.name, "가족": [mask_name(name) for name in subject.household]}


def _address(subject: Subject, kind: str, on: date) -> Mapping[str, object]:
    del kind, on
    return {"상호": subject.business_name, "사업장 소재지": subject.business_address}


def _certificate(subject: Subject, kind: str, on: date) -> Mapping[str, object]:
    return {
        "성명": subject.name,
        "상호": subject.business_name,
        "확인 내용": catalogue().document(kind).ko,
        "확인일": (on - timedelta(days=30)).isoformat(),
        "유효기간": (on + timedelta(days=90)).isoformat(),
    }


_MAKERS: dict[str, Callable[[Subject, str, date], Mapping[str, object]]] = {
    "resident_certificate": _resident,
    "residence_certificate": _resident,
    "business_registration_certificate": _registration,
    "permanent_worker_document": _workers,
    "proof_of_sales": _sales,
    "family_proof": _family,
    "business_registration_address": _address,
}
