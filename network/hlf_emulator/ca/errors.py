"""What a Fabric CA answers when it refuses: HTTP status, code and text (lib/caerrors/servererror.go)."""

# Codes of servererror.go, of those that leave the server.
UNKNOWN = 0
METHOD_NOT_ALLOWED = 1
NO_AUTHORIZATION = 2
READING_BODY = 3
EMPTY_BODY = 4
BAD_BODY = 5
CERTIFICATE_NOT_FOUND = 8
WRONG_OWNER = 9
REVOKED_IDENTITY_NOT_FOUND = 10
MISSING_REVOKE_ARGUMENTS = 15
NO_SUCH_CA = 19
AUTHENTICATION = 20
BAD_CSR = 31
REVOKED_AFTER = 36
EXPIRED_AFTER = 37
ADD_IDENTITY = 52
REMOVE_IDENTITY = 56
MODIFY_IDENTITY = 58
ADD_AFFILIATION = 60
REMOVE_AFFILIATION = 61
NOT_FOUND = 63
MODIFY_AFFILIATION = 64
ALREADY_REVOKED = 66
GET_CERTIFICATES = 67
AUTHORIZATION = 71
PASSWORD_ATTEMPTS = 73
DUPLICATE_IDENTITY = 74
COMMON_NAME = 77
INVALID_BOOLEAN = 79
CSR_VALUES = 80
MAX_ENROLLMENTS = 82


class CaError(Exception):
    """A refusal; ``message`` goes out as it is."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    def within(self, text: str) -> "CaError":
        """The same with ``text`` before it; what has a code of its own keeps its words."""
        return unexpected(f"{text}: {self.message}") if self.code == UNKNOWN else self


class NoAnswer(Exception):  # noqa: N818 - what the client sees
    """Fabric CA's handler dies of this request: the connection closes without an answer."""


def unexpected(message: str) -> CaError:
    """An error for which Fabric CA has no code."""
    return CaError(500, UNKNOWN, message)


def unauthenticated() -> CaError:
    """The same for every reason, of which the caller is to learn nothing."""
    return CaError(401, AUTHENTICATION, "Authentication failure")


def unauthorized() -> CaError:
    """The same for every reason, of which the caller is to learn nothing."""
    return CaError(403, AUTHORIZATION, "Authorization failure")


def not_found(what: str) -> CaError:
    """Nothing of that name in the registry."""
    return CaError(404, NOT_FOUND, f"Failed to get {what}: sql: no rows in result set")
