"""Which version of FHIR a claim is of, where it is not R4."""

from __future__ import annotations

from fhir_massage.read import elements

#: The uses of claims in DSTU2 and STU3.
_OLD_USES = frozenset({"complete", "proposed", "exploratory", "other"})
#: Types of resources that only earlier and only later versions have.
EARLIER_TYPES = frozenset(
    "BodySite Conformance DataElement DeviceComponent DeviceUseRequest DiagnosticOrder EligibilityRequest "
    "EligibilityResponse ExpansionProfile ImagingManifest ImagingObjectSelection MedicationOrder Order OrderResponse "
    "ProcedureRequest ProcessRequest ProcessResponse ReferralRequest Sequence ServiceDefinition".split()
)
LATER_TYPES = frozenset(
    "ActorDefinition ArtifactAssessment BiologicallyDerivedProductDispense ConditionDefinition DeviceAssociation "
    "DeviceDispense DeviceUsage EncounterHistory FormularyItem GenomicStudy ImagingSelection InventoryItem "
    "InventoryReport MedicationUsage MoleculeDefinition NutritionIntake Permission RequestOrchestration Requirements "
    "SubstanceReferenceInformation TestPlan Transport".split()
)


def foreign_version(resource: elements.Resource) -> str | None:
    """The version of a claim that is plainly not of R4; ``None`` for one that is, or may be."""
    if not isinstance(resource, elements.Claim):
        return None
    if resource.coverage is not None or resource.target is not None:
        return "DSTU2"
    if resource.use in _OLD_USES or any(item.service is not None for item in resource.item):
        return "STU3"
    later = (resource.trace_number, resource.diagnosis_related_group, resource.patient_paid)
    return "R5" if any(each is not None for each in later) else None


def version_of_type(kind: str) -> str | None:
    """The version that has such a type of resource, where R4 has none."""
    if kind in EARLIER_TYPES:
        return "DSTU2 or STU3"
    return "R5" if kind in LATER_TYPES else None
