"""Reading a request's JSON as a model, and telling every member that is wrong."""

from collections.abc import Sequence
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from .json_body import pointer_to
from .problems import Fault, Kind, Problem

M = TypeVar("M", bound=BaseModel)


def validated(model: type[M], body: bytes, invalid: Kind) -> M:
    """Read valid JSON as a model; raises a `Problem` of the kind `invalid` that names every member that is wrong."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        faults = _faults(error)
        raise Problem(invalid, told(faults), faults) from error


def told(faults: Sequence[Fault]) -> str:
    """Return faults as one sentence: the first, and how many more there are."""
    first = f"{faults[0].pointer or 'the body'}: {faults[0].detail}"
    return first if len(faults) == 1 else f"{first}, and {len(faults) - 1} more"


def _faults(error: ValidationError) -> list[Fault]:
    """Return what is wrong, without what only follows: lines that are all wrong also count as no lines."""
    details = error.errors(include_url=False, include_context=False, include_input=False)
    faults = [Fault(pointer_to(*detail["loc"]), detail["msg"]) for detail in details]
    return [fault for fault in faults if not any(other.pointer.startswith(f"{fault.pointer}/") for other in faults)]
