"""A made-up claim or order with all that stands beside it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Literal

import msgspec

from fhir_massage.synthetic.parties import Addresses, Json
from fhir_massage.synthetic.plan import Plan

OwnPart = Literal["coverage", "referral"]


class Cast(msgspec.Struct, kw_only=True):
    """Who and what the claims of one patient stand on. ``beside`` are the resources that no one else names."""

    payer: str
    profession: str
    patient: Json
    coverage: Json
    clinic: Json
    practitioner: Json
    role: Json | None = None
    payor: Json | None = None
    second_coverage: Json | None = None
    referral: Json | None = None
    benefits: Json | None = None
    beside: list[Json] = []

    def resources(self) -> Iterator[Json]:
        """Every one of them."""
        yield self.patient
        for resource in (
            self.payor, self.coverage, self.second_coverage, self.clinic, self.practitioner, self.role,
            self.referral, self.benefits,
        ):  # fmt: skip
            if resource is not None:
                yield resource
        yield from self.beside


class Made(msgspec.Struct, kw_only=True):
    """A claim, the plan that it was written from, and what stands beside it.

    ``own`` are resources that only this claim needs. ``shared`` says that other claims stand on the same cast,
    so that a resource is copied before it is changed. ``before`` are resources that come ahead of the claim.
    """

    claim: Json
    plan: Plan
    cast: Cast
    addresses: Addresses
    own: list[Json]
    before: list[Json] = []
    shared: bool = False
    fresh_ids: int = 0

    @property
    def name(self) -> str:
        """The claim as findings name it."""
        return f"Claim/{self.claim['id']}"

    def fresh_id(self) -> str:
        """An id that no other resource of its type has."""
        self.fresh_ids += 1
        return f"{self.claim['id']}-x{self.fresh_ids}"

    def add(self, resource: Json) -> Json:
        """Put a resource beside the claim, and return the reference to it."""
        self.own.append(resource)
        return {"reference": self.addresses.of(resource)}

    def contained(self, kind: str) -> Json | None:
        """The contained resource of a type."""
        found = (inner for inner in self.claim.get("contained", []) if inner["resourceType"] == kind)
        return next(found, None)

    def changeable(self, part: OwnPart) -> Json | None:
        """The claim's coverage or referral, free to be changed without touching another claim's."""
        original = self.cast.coverage if part == "coverage" else self.cast.referral
        if original is None or not self.shared:
            return original
        changed = {**copy.deepcopy(original), "id": self.fresh_id()}
        reference = self.add(changed)
        if part == "coverage":
            self.claim["insurance"][0]["coverage"] = reference
        else:
            self.claim["referral"] = reference
        return changed

    def drop_contained(self, kind: str) -> None:
        """Take a contained resource that nothing names any more off the claim."""
        inner = self.contained(kind)
        if inner is not None:
            self.claim["contained"].remove(inner)
            if not self.claim["contained"]:
                del self.claim["contained"]

    def bundle(self) -> Json:
        """Everything in one Bundle."""
        inside = {id(inner) for inner in self.claim.get("contained", [])}
        beside = [resource for resource in self.cast.resources() if id(resource) not in inside]
        return bundle(self.addresses, [*self.before, self.claim, *beside, *self.own])


def bundle(addresses: Addresses, resources: list[Json]) -> Json:
    """A collection of resources, each under its full address."""
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"fullUrl": addresses.full_url(each), "resource": each} for each in resources],
    }
