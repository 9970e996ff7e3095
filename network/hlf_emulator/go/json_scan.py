"""Whether a text is JSON, in the words of Go's encoding/json (scanner.go).

Without recursion: a text that comes from outside may be nested as deep as its sender likes.
"""

import re

_SPACE = b" \t\r\n"
_LITERALS = {ord("t"): b"true", ord("f"): b"false", ord("n"): b"null"}
_DEEPEST = 10000
_END = "unexpected end of JSON input"
_PLAIN = re.compile(rb'[^"\\\x00-\x1f]*')
_DIGITS = re.compile(rb"[0-9]*")


class _Problem(Exception):  # noqa: N818 - the answer
    pass


def scan(text: bytes) -> str | None:
    """None for JSON; else what Go says is wrong."""
    try:
        _Scanner(text).run()
    except _Problem as problem:
        return str(problem)
    return None


def _quote(byte: int) -> str:
    if byte == ord("'"):
        return "'\\''"
    if byte == ord('"'):
        return "'\"'"
    named = {7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r", 92: "\\\\"}
    if byte in named:
        return f"'{named[byte]}'"
    shown = chr(byte)
    return f"'{shown}'" if shown.isprintable() else f"'\\x{byte:02x}'" if byte < 0x80 else f"'\\u{byte:04x}'"


class _Scanner:
    def __init__(self, text: bytes) -> None:
        self._text = text
        self._at = 0

    def run(self) -> None:
        open_ones: list[bytes] = []
        while True:
            if self._begin(open_ones):
                continue
            if not self._finish(open_ones):
                return

    def _begin(self, open_ones: list[bytes]) -> bool:
        """Read the beginning of a value; True when that opened an object or a list with something in it."""
        byte = self._next("looking for beginning of value")
        if byte in b"{[":
            open_ones.append(b"}" if byte == ord("{") else b"]")
            if len(open_ones) > _DEEPEST:
                raise _Problem("exceeded max depth")
            if self._peek() == ord(open_ones[-1]):
                self._at += 1
                open_ones.pop()
                return False
            if byte == ord("{"):
                self._key()
            return True
        self._at -= 1
        self._scalar(byte)
        return False

    def _finish(self, open_ones: list[bytes]) -> bool:
        """After a value: close what ends here; True when another value follows."""
        while open_ones:
            closing = open_ones[-1]
            context = "after object key:value pair" if closing == b"}" else "after array element"
            byte = self._next(context)
            if byte == ord(closing):
                open_ones.pop()
                continue
            if byte != ord(","):
                raise self._invalid(byte, context)
            if closing == b"}":
                self._key()
            return True
        if self._peek() is not None:
            raise self._invalid(self._text[self._at], "after top-level value")
        return False

    def _key(self) -> None:
        byte = self._next("looking for beginning of object key string")
        if byte != ord('"'):
            raise self._invalid(byte, "looking for beginning of object key string")
        self._string()
        byte = self._next("after object key")
        if byte != ord(":"):
            raise self._invalid(byte, "after object key")

    def _scalar(self, byte: int) -> None:
        if byte == ord('"'):
            self._at += 1
            self._string()
        elif byte in _LITERALS:
            self._literal(_LITERALS[byte])
        elif byte == ord("-") or 48 <= byte <= 57:
            self._number()
        else:
            raise self._invalid(byte, "looking for beginning of value")

    def _literal(self, word: bytes) -> None:
        for wanted in word:
            byte = self._raw()
            if byte != wanted:
                raise self._invalid(byte, f"in literal {word.decode()} (expecting {_quote(wanted)})")

    def _string(self) -> None:
        while True:
            found = _PLAIN.match(self._text, self._at)
            self._at = found.end() if found else self._at
            byte = self._raw()
            if byte == ord('"'):
                return
            if byte != ord("\\"):
                raise self._invalid(byte, "in string literal")
            byte = self._raw()
            if byte == ord("u"):
                for _ in range(4):
                    byte = self._raw()
                    if byte not in b"0123456789abcdefABCDEF":
                        raise self._invalid(byte, "in \\u hexadecimal character escape")
            elif byte not in b'bfnrt\\/"':
                raise self._invalid(byte, "in string escape code")

    def _number(self) -> None:
        if self._text[self._at] == ord("-"):
            self._at += 1
            self._digits("in numeric literal", self._text[self._at : self._at + 1] == b"0")
        else:
            self._digits("in numeric literal", self._text[self._at] == ord("0"))
        if self._text[self._at : self._at + 1] == b".":
            self._at += 1
            self._digits("after decimal point in numeric literal")
        if self._text[self._at : self._at + 1] in {b"e", b"E"}:
            self._at += 1
            if self._text[self._at : self._at + 1] in {b"+", b"-"}:
                self._at += 1
            self._digits("in exponent of numeric literal")

    def _digits(self, context: str, single: bool = False) -> None:
        found = _DIGITS.match(self._text, self._at)
        end = found.end() if found else self._at
        if end == self._at:
            byte = self._raw()
            raise self._invalid(byte, context)
        self._at = self._at + 1 if single else end

    def _next(self, _context: str) -> int:
        byte = self._peek()
        if byte is None:
            raise _Problem(_END)
        self._at += 1
        return byte

    def _raw(self) -> int:
        if self._at >= len(self._text):
            raise _Problem(_END)
        byte = self._text[self._at]
        self._at += 1
        return byte

    def _peek(self) -> int | None:
        while self._at < len(self._text) and self._text[self._at] in _SPACE:
            self._at += 1
        return self._text[self._at] if self._at < len(self._text) else None

    def _invalid(self, byte: int, context: str) -> _Problem:
        return _Problem(f"invalid character {_quote(byte)} {context}")
