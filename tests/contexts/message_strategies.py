"""Hypothesis strategies for every message type there is, made from the types' own fields."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin
from uuid import UUID

from annotated_types import Ge, Gt, Le, MaxLen, MinLen
from hypothesis import strategies as st
from pydantic import AwareDatetime
from pydantic.fields import FieldInfo

from contexts.messages import Value

V = TypeVar("V", bound=Value)

#: JSON readers agree on whole numbers up to here (RFC 8259, section 6).
LARGEST_INTEGER = 2**53 - 1

aware_datetimes = st.datetimes(
    datetime(1970, 1, 2),
    datetime(2100, 1, 1),
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-8))]),
)

_json = st.recursive(
    st.none() | st.booleans() | st.integers(-LARGEST_INTEGER, LARGEST_INTEGER) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)

_PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    UUID: st.uuids(),
    AwareDatetime: aware_datetimes,
    date: st.dates(),
    bool: st.booleans(),
    NoneType: st.none(),
    Any: _json,
}


def instances(of: type[V]) -> st.SearchStrategy[V]:
    """Return a strategy for a message type, or for a part of one."""
    fields = {name: _values(field.annotation, field.metadata) for name, field in of.model_fields.items()}
    return st.builds(of, **fields)


def _values(annotation: Any, constraints: Iterable[Any]) -> st.SearchStrategy[Any]:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _values(inner[0], _unfolded(inner[1:]))
    if origin in (Union, UnionType):
        return st.one_of([_values(one, ()) for one in inner])
    if origin is tuple:
        shortest = _limit(MinLen, constraints) or 0
        return st.lists(_values(inner[0], ()), min_size=shortest, max_size=shortest + 2).map(tuple)
    if origin is dict:
        return st.dictionaries(st.text(max_size=5), _values(inner[1], ()), max_size=2)
    if annotation in (int, str):
        return _numbers(list(constraints)) if annotation is int else _texts(list(constraints))
    return _PLAIN[annotation] if annotation in _PLAIN else instances(annotation)


def _numbers(constraints: list[Any]) -> st.SearchStrategy[int]:
    more_than, least = _limit(Gt, constraints), _limit(Ge, constraints)
    lowest = more_than + 1 if more_than is not None else -LARGEST_INTEGER if least is None else least
    most = _limit(Le, constraints)
    return st.integers(lowest, LARGEST_INTEGER if most is None else most)


def _texts(constraints: list[Any]) -> st.SearchStrategy[str]:
    pattern = next((one.pattern for one in constraints if getattr(one, "pattern", None)), None)
    shortest, longest = _limit(MinLen, constraints) or 0, _limit(MaxLen, constraints)
    if pattern is None:
        return st.text(min_size=shortest, max_size=min(longest or 20, shortest + 20))
    return st.from_regex(pattern, fullmatch=True).filter(lambda text: shortest <= len(text) <= (longest or 1000))


def _limit(kind: type[Any], constraints: Iterable[Any]) -> int | None:
    names = {Gt: "gt", Ge: "ge", Le: "le", MinLen: "min_length", MaxLen: "max_length"}
    return next((getattr(one, names[kind]) for one in constraints if isinstance(one, kind)), None)


def _unfolded(metadata: Iterable[Any]) -> Iterator[Any]:
    for one in metadata:
        yield from one.metadata if isinstance(one, FieldInfo) else (one,)
