"""Options and answers that commands on evaluations and reviews share."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import click
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate

from hlf import Gateway
from hlf.errors import IdentityError
from hlf.identity import SigningIdentity
from lending.cli.desk import business_day, print_json
from lending_domain.certificates import certificate_attributes


def day(_context: click.Context, _option: click.Parameter, value: datetime | None) -> date | None:
    return None if value is None else value.date()


def _today(_context: click.Context, _option: click.Parameter, value: datetime | None) -> date:
    return business_day(value)


def opened_key(
    _context: click.Context, _option: click.Parameter, path: Path | None
) -> X25519PrivateKey | None:
    if path is None:
        return None
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError) as error:
        raise click.BadParameter(f"{path} is no unencrypted private key in PEM") from error
    if not isinstance(key, X25519PrivateKey):
        raise click.BadParameter(f"{path} is no X25519 key: `openssl genpkey -algorithm X25519` makes one")
    return key


organization_option = click.option("--organization", default="foundation-seoul", show_default=True)
user_option = click.option("--user", default="reviewer", show_default=True)
on_option = click.option(
    "--on", type=click.DateTime(["%Y-%m-%d"]), callback=_today, help="The business date.  [default: today]"
)
KEY_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
key_option = click.option(
    "--key", type=KEY_FILE, callback=opened_key, required=True, help="The private sealing key (X25519, PEM)."
)


def signer_of(gateway: Gateway) -> SigningIdentity:
    """The identity at this gateway, which signs letters too."""
    identity = gateway.session.identity
    if not isinstance(identity, SigningIdentity):
        raise IdentityError("this identity has no private key here to sign letters with")
    return identity


def holder_of(gateway: Gateway) -> str:
    """The holder in the certificate of the applicant at this gateway."""
    certificate = load_pem_x509_certificate(gateway.session.identity.certificate)
    return certificate_attributes(certificate)["holder"]


def tell(document: dict[str, Any], as_json: bool) -> None:
    """What was done, as JSON or line by line."""
    if as_json:
        print_json(document)
        return
    for name, value in document.items():
        click.echo(f"{name:<12} {value}")
