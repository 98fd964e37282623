"""Claim intelligence: what was seen on a roof, checked against a schema. It documents damage.

It is never the handling of a claim: in Texas the contractor who does the work may not negotiate or file it. So there
is no field for a claim's number, an insurer's answer or an amount, and one that comes along is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from stormplay.errors import BadInput

DamageType = Literal["hail", "wind", "hail and wind", "other", "none"]
Severity = Literal["None", "Low", "Moderate", "High", "Severe"]
Slope = Literal["north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west", "flat"]
RoofMaterial = Literal["asphalt shingle", "wood shake", "tile", "slate", "metal", "membrane", "other"]
# A page or a picture: an address with https, or a photo of this job by its id.
Link = Annotated[str, StringConstraints(pattern=r"^(https://[^\s<>\"']{3,2000}|photo:[0-9a-f-]{36})$")]

_HANDLING = ("claim_number", "claim_no", "insurer", "adjuster", "acv", "rcv", "deductible", "settlement", "amount",
             "supplement", "depreciation", "payout", "policy_number")  # fmt: skip


class TestSquare(BaseModel):
    """Hits counted in one test square of a slope."""

    model_config = ConfigDict(extra="forbid", strict=True)

    slope: Slope
    hits: int = Field(ge=0, le=1_000)
    square_ft: float = Field(default=100.0, gt=0, le=1_000)


class ClaimIntel(BaseModel):
    """What was seen. Everything is optional: a record grows during a visit."""

    model_config = ConfigDict(extra="forbid", strict=True)

    damage_type: DamageType | None = None
    severity: Severity | None = None
    hail_in: float | None = Field(default=None, ge=0, le=8)
    test_squares: list[TestSquare] | None = Field(default=None, max_length=20)
    roof_age_years: float | None = Field(default=None, ge=0, le=200)
    roof_material: RoofMaterial | None = None
    soft_metal_hits: bool | None = None
    evidence: list[Link] | None = Field(default=None, max_length=100)
    inspected_on: str | None = Field(default=None, pattern=r"^\d{4}-\d{2}-\d{2}$")
    synthetic: bool | None = None

    @field_validator("severity", "damage_type", "roof_material", mode="before")
    @classmethod
    def _as_listed(cls, value: object, info: Any) -> object:
        """However it is capitalised."""
        listed = {str(one).casefold(): one for one in get_args(_LISTS[info.field_name])}
        return listed.get(value.strip().casefold(), value) if isinstance(value, str) else value


_LISTS: dict[str, Any] = {"severity": Severity, "damage_type": DamageType, "roof_material": RoofMaterial}


def checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """A record of damage that fits the schema: what was given, and nothing that was not.

    Args:
        given: Field -> value; see `ClaimIntel`.

    Returns:
        The same fields as plain JSON, words spelled as listed.

    Raises:
        BadInput: A field is unknown or does not fit; the first one is named with what was expected. A field of
            claim handling is refused with the reason.
    """
    if not isinstance(given, Mapping):
        raise BadInput(f"The damage record is {type(given).__name__}.", "Expected fields with values.")
    for name in given:
        if any(word in str(name).casefold() for word in _HANDLING):
            raise BadInput(
                f"'{name}' does not belong in a damage record.",
                "Expected what was seen on the roof: the record documents damage, it never handles a claim.",
                "In Texas the contractor who does the work may not negotiate or file the claim.",
            )
    try:
        record = ClaimIntel.model_validate(dict(given))
    except ValidationError as error:
        raise _sentence(error) from None
    return record.model_dump(mode="json", exclude_unset=True)


def _sentence(error: ValidationError) -> BadInput:
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "record"
    if first["type"] == "extra_forbidden":
        return BadInput(f"The damage record has no field '{where}'.",
                        f"Expected {', '.join(ClaimIntel.model_fields)}.")  # fmt: skip
    expected = str(first["msg"]).removeprefix("Input should be ").removeprefix("a ").rstrip(".")
    return BadInput(f"'{where}' is {_short(first['input'])}.", f"Expected {expected}.")


def _short(value: object) -> str:
    said = repr(value)
    return said if len(said) <= 60 else said[:57] + "..."
