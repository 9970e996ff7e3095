"""The bodies that Fabric CA's calls take (api/client.go, api/net.go of fabric-ca and cfssl's signer)."""

from typing import Any

from hlf_emulator.ca.errors import BAD_BODY, CaError
from hlf_emulator.ca.identity import Attribute
from hlf_emulator.go.json import (
    BIG_INT,
    BOOL,
    INT,
    TEXT,
    TIME,
    GoJsonError,
    Struct,
    Type,
    decode,
    list_of,
    of_struct,
)

_ATTRIBUTE = of_struct("api.Attribute", Struct("Attribute", {"name": TEXT, "value": TEXT, "ecert": BOOL}))
_ATTRIBUTES = list_of(_ATTRIBUTE)
_ATTRIBUTE_REQUEST = of_struct(
    "api.AttributeRequest", Struct("AttributeRequest", {"name": TEXT, "optional": BOOL})
)
_NAME = of_struct(
    "csr.Name",
    Struct("Name", {name: TEXT for name in ("C", "ST", "L", "O", "OU", "E", "SerialNumber", "OID")}),
)
_SUBJECT = of_struct(
    "signer.Subject",
    Struct("Subject", {"CN": TEXT, "names": list_of(_NAME), "SerialNumber": TEXT}),
    pointer=True,
)
_EXTENSION = of_struct("signer.Extension", Struct("Extension", {"id": TEXT, "critical": BOOL, "value": TEXT}))
_SIGN_REQUEST: dict[str, Type] = {
    "hosts": list_of(TEXT),
    "certificate_request": TEXT,
    "subject": _SUBJECT,
    "profile": TEXT,
    "crl_override": TEXT,
    "label": TEXT,
    "serial": BIG_INT,
    "extensions": list_of(_EXTENSION),
    "NotBefore": TIME,
    "NotAfter": TIME,
    "ReturnPrecert": BOOL,
}
_IDENTITY: dict[str, Type] = {
    "id": TEXT,
    "type": TEXT,
    "affiliation": TEXT,
    "attrs": _ATTRIBUTES,
    "max_enrollments": INT,
    "secret": TEXT,
    "caname": TEXT,
}

CA_NAME = Struct("caNameReqBody", {"caname": TEXT})
ENROLL = Struct(
    "EnrollmentRequestNet",
    {"CAName": TEXT, "attr_reqs": list_of(_ATTRIBUTE_REQUEST, "[]*api.AttributeRequest")},
    {"SignRequest": _SIGN_REQUEST},
)
REGISTER = Struct("RegistrationRequestNet", embedded={"RegistrationRequest": _IDENTITY})
REVOKE = Struct(
    "RevocationRequestNet",
    embedded={
        "RevocationRequest": {
            **dict.fromkeys(("id", "serial", "aki", "reason", "caname"), TEXT),
            "gencrl": BOOL,
        }
    },
)
GEN_CRL = Struct(
    "GenCRLRequest",
    {
        "caname": TEXT,
        **dict.fromkeys(("revokedafter", "revokedbefore", "expireafter", "expirebefore"), TIME),
    },
)
ADD_IDENTITY = Struct("AddIdentityRequest", _IDENTITY)
MODIFY_IDENTITY = Struct("ModifyIdentityRequest", _IDENTITY)
ADD_AFFILIATION = Struct(
    "AddAffiliationRequestNet",
    embedded={"AddAffiliationRequest": {"name": TEXT, "force": BOOL, "caname": TEXT}},
)
MODIFY_AFFILIATION = Struct(
    "ModifyAffiliationRequestNet",
    embedded={"ModifyAffiliationRequest": {"name": TEXT, "force": BOOL, "caname": TEXT}},
)


def parse(body: bytes, struct: Struct) -> dict[str, Any]:
    """The body's fields. Raises CaError when it is not JSON of that shape."""
    try:
        return decode(body, struct, "lib" if struct is CA_NAME else "api")
    except GoJsonError as error:
        text = body.decode(errors="replace")
        raise CaError(400, BAD_BODY, f"Invalid request body: {error}; body={text}") from error


def attributes(given: list[dict[str, Any]] | None) -> tuple[Attribute, ...]:
    """The attributes of a body."""
    return tuple(Attribute(**each) for each in given or ())
