"""Write the type stubs of `fabric_protos` from the descriptors of the installed wheel.

`hyperledger-fabric-protos` ships generated modules without `.pyi` files. This feeds their own
descriptors to the mypy-protobuf plugins, so the stubs cannot describe another version of the
messages than the one that runs. With `--check` nothing is written and a difference fails.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import re
import shutil
import subprocess
import sys
from pathlib import Path

import fabric_protos
from google.protobuf import descriptor_pb2
from google.protobuf.compiler import plugin_pb2
from google.protobuf.descriptor import FileDescriptor

HERE = Path(__file__).parent
PLUGINS = ("protoc-gen-mypy", "protoc-gen-mypy_grpc")
TOP_LEVEL = ("common", "discovery", "gateway", "gossip", "ledger", "msp", "orderer", "peer", "transientstore")


def file_descriptors() -> list[FileDescriptor]:
    """Every descriptor of the wheel, dependencies before dependants."""
    ordered: dict[str, FileDescriptor] = {}

    def visit(file: FileDescriptor) -> None:
        for dependency in file.dependencies:
            visit(dependency)
        ordered.setdefault(file.name, file)

    for module in pkgutil.walk_packages(fabric_protos.__path__, "fabric_protos."):
        if module.name.endswith("_pb2"):
            visit(importlib.import_module(module.name).DESCRIPTOR)
    return list(ordered.values())


def generate() -> dict[str, str]:
    """Map each stub's path, relative to this folder, to its text."""
    request = plugin_pb2.CodeGeneratorRequest()
    for file in file_descriptors():
        proto = descriptor_pb2.FileDescriptorProto()
        file.CopyToProto(proto)
        request.proto_file.append(proto)
        if not file.name.startswith("google/"):
            request.file_to_generate.append(file.name)
    sibling = re.compile(rf"\b(import |from )({'|'.join(TOP_LEVEL)})\.")
    reference = re.compile(rf"(?<![\w.])({'|'.join(TOP_LEVEL)})\.((?:\w+\.)*\w+_pb2)\b")
    stubs: dict[str, str] = {}
    for plugin in PLUGINS:
        beside = Path(sys.executable).parent / plugin
        program = str(beside) if beside.exists() else shutil.which(plugin)
        if program is None:
            raise SystemExit(f"{plugin} is not installed: pip install mypy-protobuf")
        run = subprocess.run([program], input=request.SerializeToString(), capture_output=True, check=True)
        answer = plugin_pb2.CodeGeneratorResponse.FromString(run.stdout)
        for item in answer.file:
            text = sibling.sub(r"\1fabric_protos.\2.", item.content)
            text = reference.sub(r"fabric_protos.\1.\2", text)
            stubs[f"fabric_protos/{item.name}"] = text
    for name in list(stubs):
        folder = Path(name).parent
        while folder != Path("."):
            stubs.setdefault(str(folder / "__init__.pyi"), "")
            folder = folder.parent
    return stubs


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="fail when a stub differs from the installed wheel")
    check = parser.parse_args().check
    stubs = generate()
    if check:
        stale = [n for n, t in stubs.items() if not (HERE / n).exists() or (HERE / n).read_text() != t]
        for name in stale:
            print(f"typings/{name} differs from the installed fabric_protos: run python typings/generate.py")
        return 1 if stale else 0
    for name, text in stubs.items():
        (HERE / name).parent.mkdir(parents=True, exist_ok=True)
        (HERE / name).write_text(text)
    print(f"{len(stubs)} stubs written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
