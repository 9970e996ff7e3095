"""A value worked out when it is first asked for, without a lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

_T = TypeVar("_T")


class lazy(Generic[_T]):  # noqa: N801 - used as a decorator, like property
    """``functools.cached_property`` for objects that belong to one call.

    Until Python 3.12 that one holds a lock which all instances share: the calls of all threads would read
    their arguments one after the other.
    """

    def __init__(self, function: Callable[[Any], _T]) -> None:
        self._function = function
        self.__doc__ = function.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> lazy[_T]: ...

    @overload
    def __get__(self, instance: object, owner: type) -> _T: ...

    def __get__(self, instance: object | None, owner: type) -> lazy[_T] | _T:
        if instance is None:
            return self
        # In the instance's own dictionary it comes before this descriptor from now on.
        value = instance.__dict__[self._name] = self._function(instance)
        return value
