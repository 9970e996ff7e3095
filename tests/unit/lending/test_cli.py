"""`dure` at the prompt: letters checked offline, and every failure one sentence with its remedy."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hlf.wallet import Wallet
from lending.cli import main
from lending.correspondence import write_letter
from lending_domain.letters import LetterKind, SignedLetter
from tests.unit.lending.signers import START, authority, signer

ISSUED = START + timedelta(days=30)


def dure(*args: object) -> Result:
    return CliRunner().invoke(main, [str(arg) for arg in args], catch_exceptions=False)


@pytest.fixture
def anchors(tmp_path: Path) -> Path:
    folder = tmp_path / "anchors"
    folder.mkdir()
    for organization in ("foundation-seoul", "bank-a"):
        (folder / f"{organization}.pem").write_bytes(authority(organization)[0])
    return folder


def guarantee_letter(by: str = "foundation-seoul") -> SignedLetter:
    return write_letter(
        signer(by),
        LetterKind.GUARANTEE,
        "bank-a",
        "0" * 32,
        {"principal_krw": 50_000_000},
        issued_at=ISSUED,
    )


@pytest.fixture
def letter(tmp_path: Path) -> Path:
    path = tmp_path / "letter.json"
    path.write_bytes(guarantee_letter().to_bytes())
    return path


def test_a_genuine_letter(letter: Path, anchors: Path) -> None:
    result = dure("verify", letter, "--anchors", anchors, "--at", "2026-02-01", "--addressee", "bank-a")
    assert result.exit_code == 0, result.output
    assert "전자서명과 유효기간이 확인되었습니다" in result.output
    assert "foundation-seoul -> bank-a" in result.output


def test_anchors_of_a_networks_folder(letter: Path, tmp_path: Path) -> None:
    certificate = tmp_path / "state" / "organizations" / "foundation-seoul" / "ca" / "cert.pem"
    certificate.parent.mkdir(parents=True)
    certificate.write_bytes(authority("foundation-seoul")[0])
    result = dure(
        "verify", letter, "--anchors", tmp_path / "state", "--at", "2026-02-01T09:00+09:00", "--json"
    )
    document = json.loads(result.output)
    assert document["valid"] is True
    assert document["letter"]["issuer"] == "foundation-seoul"


def test_every_finding_in_both_languages(letter: Path, anchors: Path) -> None:
    text = letter.read_text(encoding="utf-8").replace("50000000", "90000000")
    letter.write_text(text, encoding="utf-8")
    arguments = ("verify", letter, "--anchors", anchors, "--at", "2026-12-01", "--addressee", "bank-b")
    result = dure(*arguments)
    assert result.exit_code == 1
    for expected in (
        "LETTER_SIGNATURE",
        "위조되었거나 변경된 문서입니다.",
        "it was forged or altered.",
        "LETTER_EXPIRED",
        "LETTER_ADDRESSEE",
    ):
        assert expected in result.output
    document = json.loads(dure(*arguments, "--json").output)
    assert {one["code"] for one in document["findings"]} == {
        "LETTER_SIGNATURE",
        "LETTER_EXPIRED",
        "LETTER_ADDRESSEE",
    }


def test_a_letter_signed_under_another_authority(tmp_path: Path, anchors: Path) -> None:
    genuine = guarantee_letter("bank-a")
    forged = genuine.model_copy(
        update={"letter": genuine.letter.model_copy(update={"issuer": "foundation-seoul"})}
    )
    path = tmp_path / "forged.json"
    path.write_bytes(forged.to_bytes())
    result = dure("verify", path, "--anchors", anchors, "--at", "2026-02-01")
    assert result.exit_code == 1
    assert "LETTER_UNTRUSTED_SIGNER" in result.output


def test_what_is_no_letter(tmp_path: Path, anchors: Path) -> None:
    path = tmp_path / "letter.json"
    path.write_text("{}")
    result = dure("verify", path, "--anchors", anchors)
    assert result.exit_code == 1
    assert "LETTER_MALFORMED" in result.output


@pytest.mark.parametrize("at", ["yesterday", "2026-02-30", "2026-02-01T09:00"])
def test_a_moment_that_is_none(letter: Path, anchors: Path, at: str) -> None:
    result = dure("verify", letter, "--anchors", anchors, "--at", at)
    assert result.exit_code == 2
    assert at in result.output


def test_a_folder_without_certificates(letter: Path, tmp_path: Path) -> None:
    result = dure("verify", letter, "--anchors", tmp_path)
    assert result.exit_code == 1
    assert "there are no CA certificates (put one ORGANIZATION.pem there" in result.output


def test_without_a_network_the_remedy_is_named(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    report.write_text("{}\n")
    for arguments in (
        ("audit", report, "--state", tmp_path),
        ("loan", "show", "0" * 32, "--state", tmp_path),
        ("evaluation", "show", "0" * 32, "--state", tmp_path),
    ):
        result = dure(*arguments)
        assert result.exit_code == 1
        assert result.output.count("\n") == 1
        assert "there is no connection profile of" in result.output
        assert "`make up` brings the network up" in result.output


def test_a_network_that_is_down(tmp_path: Path) -> None:
    profiles = tmp_path / "connection-profiles"
    profiles.mkdir()
    for organization in ("semas", "bank-a"):
        ca = authority(organization)[0].decode()
        profile = {
            "client": {"organization": organization},
            "organizations": {organization: {"mspid": organization, "peers": ["peer0"]}},
            # Port 1 is nobody's.
            "peers": {"peer0": {"url": "grpcs://127.0.0.1:1", "tlsCACerts": {"pem": ca}}},
        }
        (profiles / f"{organization}.yaml").write_text(json.dumps(profile))
        Wallet(tmp_path / "wallets" / organization).put("officer", signer(organization))
    report = tmp_path / "report.json"
    report.write_text("{}\n")
    result = dure("audit", report, "--state", tmp_path)
    assert result.exit_code == 1
    assert result.output == (
        "Error: The network does not answer: `make status` shows what runs, "
        "`make up` brings the network up or repairs it.\n"
    )
