"""Install packages that a peer takes apart: what tar and JSON allow beyond what our own packages use."""

import gzip
import io
import json
import tarfile
from pathlib import Path

import pytest

from hlf.admin.package import build_package, ccaas_package, package_id
from hlf_emulator.lifecycle.archives import ArchiveError, entries
from hlf_emulator.lifecycle.packages import DIAL_TIMEOUT, PackageError, PackageStore, parse_package

LONG = "folder/" * 30 + "file"


def archive(names: dict[str, bytes], form: int) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=form) as tar:
        for name, content in names.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return gzip.compress(target.getvalue(), mtime=0)


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_long_names(form: int) -> None:
    read = [(name, content) for name, _, content in entries(archive({LONG: b"1", "b": b"22"}, form))]
    assert read == [(LONG, b"1"), ("b", b"22")]


@pytest.mark.parametrize("end", range(1, 600, 37))
def test_an_archive_cut_anywhere_is_refused_or_whole(end: int) -> None:
    whole = archive({"a": bytes(range(256)) * 8, "b": b"2"}, tarfile.USTAR_FORMAT)
    cut = whole[: max(0, len(whole) - end)]
    try:
        names = [name for name, _, _ in entries(cut)]
    except ArchiveError as refusal:
        assert "EOF" in str(refusal) or "corrupt" in str(refusal)
    else:
        assert names == ["a", "b"]


def test_any_bytes_are_refused_in_words() -> None:
    for content in (b"\x1f\x8b\x08" + bytes(20), b"\x1f\x8b\x08", bytes(10), gzip.compress(bytes(511))):
        with pytest.raises(PackageError):
            parse_package(content)


def test_a_time_to_dial_of_none_is_fabrics_own() -> None:
    package = parse_package(ccaas_package("a", "host:1", dial_timeout="0s"))
    assert package.connection().dial_timeout == DIAL_TIMEOUT


def test_a_template_needs_values_that_nobody_configured(tmp_path: Path) -> None:
    store = PackageStore(tmp_path)
    with pytest.raises(PackageError, match="could not build chaincode: external builder failed"):
        store.install(ccaas_package("a", "{{.address}}"))
    assert not store.packages


def test_a_package_is_there_again(tmp_path: Path) -> None:
    connection = json.dumps({"Address": "host:1", "DIAL_TIMEOUT": "5s"}).encode()
    content = build_package("a", "CCAAS", {"connection.json": connection})
    PackageStore(tmp_path).install(content)
    again = PackageStore(tmp_path)
    assert again.packages[package_id(content)].connection().address == "host:1"
    assert again.content(package_id(content)) == content
