"""The parts of FHIR R4 (4.0.1) that rules see, as structs that msgspec decodes.

Only what is read is declared. Everything else passes by unseen here and stays untouched in the
resource's own JSON. Dates stay the text that FHIR has, because they may be partial.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Union

import msgspec

#: An electronic claim has at most so many service lines: ASC X12N 837I (005010X223), loop 2400; the 837P has 50.
#: Those after are not looked at.
MOST_LINES = 999
#: Eleven payers stand on a claim there; an order names few performers. More are not looked at.
MOST_POLICIES = 99
MOST_PERFORMERS = 99
#: Amounts, units and factors: far more than any claim's, and few enough digits to reckon with to the cent.
LARGEST_NUMBER = 10**15

Amount = Union[int, float]  # noqa: UP007 (decoded as it stands)


class Element(msgspec.Struct, frozen=True, kw_only=True, rename="camel", gc=False):
    """Base of every element: keys in camel case, unknown ones passed over."""


class Coding(Element, frozen=True, kw_only=True, gc=False):
    system: str | None = None
    code: str | None = None
    display: str | None = None


class CodeableConcept(Element, frozen=True, kw_only=True, gc=False):
    coding: list[Coding] = []
    text: str | None = None


class Identifier(Element, frozen=True, kw_only=True, gc=False):
    system: str | None = None
    value: str | None = None


class Reference(Element, frozen=True, kw_only=True, gc=False):
    reference: str | None = None
    type: str | None = None
    identifier: Identifier | None = None
    display: str | None = None


class Quantity(Element, frozen=True, kw_only=True, gc=False):
    value: Amount | None = None
    unit: str | None = None
    code: str | None = None


class Range(Element, frozen=True, kw_only=True, gc=False):
    low: Quantity | None = None
    high: Quantity | None = None


class Money(Element, frozen=True, kw_only=True, gc=False):
    value: Amount | None = None
    currency: str | None = None


class Period(Element, frozen=True, kw_only=True, gc=False):
    start: str | None = None
    end: str | None = None


class HumanName(Element, frozen=True, kw_only=True, gc=False):
    text: str | None = None
    family: str | None = None
    given: list[str | None] = []
    suffix: list[str | None] = []


# --- Claim -------------------------------------------------------------------------------------


class ClaimRelated(Element, frozen=True, kw_only=True, gc=False):
    claim: Reference | None = None
    relationship: CodeableConcept | None = None


class CareTeam(Element, frozen=True, kw_only=True, gc=False):
    sequence: int | None = None
    provider: Reference | None = None
    responsible: bool | None = None
    role: CodeableConcept | None = None
    qualification: CodeableConcept | None = None


class SupportingInfo(Element, frozen=True, kw_only=True, gc=False):
    sequence: int | None = None
    category: CodeableConcept | None = None
    code: CodeableConcept | None = None
    value_quantity: Quantity | None = None
    value_string: str | None = None


class ClaimDiagnosis(Element, frozen=True, kw_only=True, gc=False):
    sequence: int | None = None
    diagnosis_codeable_concept: CodeableConcept | None = None
    diagnosis_reference: Reference | None = None


class ClaimProcedure(Element, frozen=True, kw_only=True, gc=False):
    sequence: int | None = None
    procedure_codeable_concept: CodeableConcept | None = None
    procedure_reference: Reference | None = None


class Insurance(Element, frozen=True, kw_only=True, gc=False):
    sequence: int | None = None
    focal: bool | None = None
    coverage: Reference | None = None
    pre_auth_ref: list[str | None] = []


class Accident(Element, frozen=True, kw_only=True, gc=False):
    date: str | None = None
    type: CodeableConcept | None = None


class Item(Element, frozen=True, kw_only=True, gc=False):
    sequence: int | None = None
    care_team_sequence: list[int] = []
    diagnosis_sequence: list[int] = []
    procedure_sequence: list[int] = []
    information_sequence: list[int] = []
    product_or_service: CodeableConcept | None = None
    modifier: list[CodeableConcept] = []
    serviced_date: str | None = None
    serviced_period: Period | None = None
    quantity: Quantity | None = None
    unit_price: Money | None = None
    factor: Amount | None = None
    net: Money | None = None
    body_site: CodeableConcept | None = None
    sub_site: list[CodeableConcept] = []
    encounter: list[Reference] = []
    #: STU3's name of ``productOrService``.
    service: Any = None
    location_codeable_concept: CodeableConcept | None = None


class Resource(Element, frozen=True, kw_only=True, gc=False, tag_field="resourceType", tag="Resource"):
    """Base of every resource. ``contained`` holds what the resource brings along itself."""

    id: str | None = None
    contained: list[AnyResource] = []


class Billed(Resource, frozen=True, kw_only=True, gc=False, tag="Billed"):
    """What a claim and a payer's answer to one have in common."""

    identifier: list[Identifier] = []
    status: str | None = None
    use: str | None = None
    patient: Reference | None = None
    created: str | None = None
    billable_period: Period | None = None
    provider: Reference | None = None
    related: list[ClaimRelated] = []
    referral: Reference | None = None
    prescription: Reference | None = None
    facility: Reference | None = None
    care_team: list[CareTeam] = []
    supporting_info: list[SupportingInfo] = []
    diagnosis: list[ClaimDiagnosis] = []
    procedure: list[ClaimProcedure] = []
    accident: Accident | None = None
    item: list[Item] = []


class Claim(Billed, frozen=True, kw_only=True, gc=False, tag="Claim"):
    type: CodeableConcept | None = None
    insurance: list[Insurance] = []
    total: Money | None = None
    # What only claims of other versions have: DSTU2, then R5.
    coverage: Any = None
    target: Any = None
    trace_number: Any = None
    diagnosis_related_group: Any = None
    patient_paid: Any = None


class ExplanationOfBenefit(Billed, frozen=True, kw_only=True, gc=False, tag="ExplanationOfBenefit"):
    """What a payer answered to a claim: its items are those of the claim that was sent before."""

    claim: Reference | None = None
    outcome: str | None = None


# --- What a claim refers to ----------------------------------------------------------------------


class CoverageClass(Element, frozen=True, kw_only=True, gc=False):
    type: CodeableConcept | None = None
    value: str | None = None
    name: str | None = None


class Coverage(Resource, frozen=True, kw_only=True, gc=False, tag="Coverage"):
    identifier: list[Identifier] = []
    status: str | None = None
    type: CodeableConcept | None = None
    beneficiary: Reference | None = None
    period: Period | None = None
    payor: list[Reference] = []
    class_: list[CoverageClass] = msgspec.field(default_factory=list, name="class")


class Patient(Resource, frozen=True, kw_only=True, gc=False, tag="Patient"):
    identifier: list[Identifier] = []
    name: list[HumanName] = []
    birth_date: str | None = None
    address: Any = None


class Qualification(Element, frozen=True, kw_only=True, gc=False):
    code: CodeableConcept | None = None


class Practitioner(Resource, frozen=True, kw_only=True, gc=False, tag="Practitioner"):
    identifier: list[Identifier] = []
    name: list[HumanName] = []
    qualification: list[Qualification] = []
    address: Any = None


class PractitionerRole(Resource, frozen=True, kw_only=True, gc=False, tag="PractitionerRole"):
    identifier: list[Identifier] = []
    practitioner: Reference | None = None
    organization: Reference | None = None
    code: list[CodeableConcept] = []
    specialty: list[CodeableConcept] = []


class Organization(Resource, frozen=True, kw_only=True, gc=False, tag="Organization"):
    identifier: list[Identifier] = []
    name: str | None = None
    alias: list[str | None] = []
    address: Any = None


class Location(Resource, frozen=True, kw_only=True, gc=False, tag="Location"):
    address: Any = None


class BillingOption(Element, frozen=True, kw_only=True, gc=False):
    url: str | None = None
    value_codeable_concept: CodeableConcept | None = None


class OrderedService(CodeableConcept, frozen=True, kw_only=True, gc=False):
    extension: list[BillingOption] = []


class ServiceRequest(Resource, frozen=True, kw_only=True, gc=False, tag="ServiceRequest"):
    identifier: list[Identifier] = []
    status: str | None = None
    intent: str | None = None
    do_not_perform: bool | None = None
    code: OrderedService | None = None
    order_detail: list[CodeableConcept] = []
    quantity_quantity: Quantity | None = None
    quantity_range: Range | None = None
    subject: Reference | None = None
    occurrence_date_time: str | None = None
    occurrence_period: Period | None = None
    occurrence_timing: Any = None
    authored_on: str | None = None
    requester: Reference | None = None
    performer_type: CodeableConcept | None = None
    performer: list[Reference] = []
    reason_code: list[CodeableConcept] = []
    reason_reference: list[Reference] = []
    insurance: list[Reference] = []


class Condition(Resource, frozen=True, kw_only=True, gc=False, tag="Condition"):
    clinical_status: CodeableConcept | None = None
    verification_status: CodeableConcept | None = None
    code: CodeableConcept | None = None
    subject: Reference | None = None


class Procedure(Resource, frozen=True, kw_only=True, gc=False, tag="Procedure"):
    code: CodeableConcept | None = None
    subject: Reference | None = None
    performed_period: Period | None = None


class Encounter(Resource, frozen=True, kw_only=True, gc=False, tag="Encounter"):
    period: Period | None = None


class Benefit(Element, frozen=True, kw_only=True, gc=False):
    type: CodeableConcept | None = None
    allowed_unsigned_int: int | None = None
    allowed_money: Money | None = None
    used_unsigned_int: int | None = None
    used_money: Money | None = None


class EligibilityItem(Element, frozen=True, kw_only=True, gc=False):
    category: CodeableConcept | None = None
    product_or_service: CodeableConcept | None = None
    modifier: list[CodeableConcept] = []
    excluded: bool | None = None
    unit: CodeableConcept | None = None
    term: CodeableConcept | None = None
    benefit: list[Benefit] = []
    authorization_required: bool | None = None


class EligibilityInsurance(Element, frozen=True, kw_only=True, gc=False):
    coverage: Reference | None = None
    inforce: bool | None = None
    benefit_period: Period | None = None
    item: list[EligibilityItem] = []


class CoverageEligibilityResponse(Resource, frozen=True, kw_only=True, gc=False, tag="CoverageEligibilityResponse"):
    status: str | None = None
    patient: Reference | None = None
    outcome: str | None = None
    created: str | None = None
    insurance: list[EligibilityInsurance] = []


class Issue(Element, frozen=True, kw_only=True, gc=False):
    severity: str | None = None
    code: str | None = None
    details: CodeableConcept | None = None
    diagnostics: str | None = None


class OperationOutcome(Resource, frozen=True, kw_only=True, gc=False, tag="OperationOutcome"):
    issue: list[Issue] = []


# --- What carries resources --------------------------------------------------------------------


class BundleEntry(Element, frozen=True, kw_only=True, gc=False):
    full_url: str | None = None
    resource: AnyResource | None = None


class BundleLink(Element, frozen=True, kw_only=True, gc=False):
    relation: str | None = None
    url: str | None = None


class Bundle(Resource, frozen=True, kw_only=True, gc=False, tag="Bundle"):
    type: str | None = None
    link: list[BundleLink] = []
    entry: list[BundleEntry] = []


class Parameter(Element, frozen=True, kw_only=True, gc=False):
    name: str | None = None
    resource: AnyResource | None = None
    part: list[Parameter] = []


class Parameters(Resource, frozen=True, kw_only=True, gc=False, tag="Parameters"):
    parameter: list[Parameter] = []


READ: tuple[type[Resource], ...] = (
    Claim,
    ExplanationOfBenefit,
    Coverage,
    Patient,
    Practitioner,
    PractitionerRole,
    Organization,
    Location,
    ServiceRequest,
    Condition,
    Procedure,
    Encounter,
    CoverageEligibilityResponse,
    OperationOutcome,
    Bundle,
    Parameters,
)

#: The other resource types of R4 and R4B: known by name and id, and passed over.
OTHER_TYPES = """
Account ActivityDefinition AdministrableProductDefinition AdverseEvent AllergyIntolerance Appointment
AppointmentResponse AuditEvent Basic Binary BiologicallyDerivedProduct BodyStructure CapabilityStatement
CarePlan CareTeam CatalogEntry ChargeItem ChargeItemDefinition Citation ClaimResponse ClinicalImpression
ClinicalUseDefinition CodeSystem Communication CommunicationRequest CompartmentDefinition Composition
ConceptMap Consent Contract CoverageEligibilityRequest DetectedIssue Device DeviceDefinition DeviceMetric
DeviceRequest DeviceUseStatement DiagnosticReport DocumentManifest DocumentReference EffectEvidenceSynthesis
Endpoint EnrollmentRequest EnrollmentResponse EpisodeOfCare EventDefinition Evidence EvidenceReport
EvidenceVariable ExampleScenario FamilyMemberHistory Flag Goal GraphDefinition Group GuidanceResponse
HealthcareService ImagingStudy Immunization ImmunizationEvaluation ImmunizationRecommendation
ImplementationGuide Ingredient InsurancePlan Invoice Library Linkage List
ManufacturedItemDefinition Measure MeasureReport Media Medication MedicationAdministration
MedicationDispense MedicationKnowledge MedicationRequest MedicationStatement MedicinalProduct
MedicinalProductAuthorization MedicinalProductContraindication MedicinalProductDefinition
MedicinalProductIndication MedicinalProductIngredient MedicinalProductInteraction
MedicinalProductManufactured MedicinalProductPackaged MedicinalProductPharmaceutical
MedicinalProductUndesirableEffect MessageDefinition MessageHeader MolecularSequence NamingSystem
NutritionOrder NutritionProduct Observation ObservationDefinition OperationDefinition
OrganizationAffiliation PackagedProductDefinition PaymentNotice PaymentReconciliation Person PlanDefinition
Provenance Questionnaire QuestionnaireResponse RegulatedAuthorization RelatedPerson RequestGroup
ResearchDefinition ResearchElementDefinition ResearchStudy ResearchSubject RiskAssessment
RiskEvidenceSynthesis Schedule SearchParameter Slot Specimen SpecimenDefinition StructureDefinition
StructureMap Subscription SubscriptionStatus SubscriptionTopic Substance SubstanceDefinition
SubstanceNucleicAcid SubstancePolymer SubstanceProtein SubstanceReferenceInformation
SubstanceSourceMaterial SubstanceSpecification SupplyDelivery SupplyRequest Task TerminologyCapabilities
TestReport TestScript ValueSet VerificationResult VisionPrescription
""".split()

_others = tuple(
    msgspec.defstruct(name, [], bases=(Resource,), tag=name, frozen=True, kw_only=True, gc=False)
    for name in OTHER_TYPES
)

if TYPE_CHECKING:
    AnyResource = Resource
else:
    AnyResource = Union[READ + _others]  # noqa: UP007 - the members are known only at run time


def kind(resource: Resource) -> str:
    """The resource's type as FHIR names it."""
    return type(resource).__name__
