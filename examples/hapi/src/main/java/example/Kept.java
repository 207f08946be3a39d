package example;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.rest.annotation.OptionalParam;
import ca.uhn.fhir.rest.annotation.Search;
import ca.uhn.fhir.rest.api.server.IBundleProvider;
import ca.uhn.fhir.rest.param.DateRangeParam;
import ca.uhn.fhir.rest.param.ReferenceParam;
import ca.uhn.fhir.rest.param.TokenOrListParam;
import ca.uhn.fhir.rest.server.SimpleBundleProvider;
import ca.uhn.fhir.rest.server.provider.HashMapResourceProvider;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;
import org.hl7.fhir.instance.model.api.IBaseResource;
import org.hl7.fhir.r4.model.DomainResource;
import org.hl7.fhir.r4.model.Base;
import org.hl7.fhir.r4.model.CodeableConcept;
import org.hl7.fhir.r4.model.Coding;
import org.hl7.fhir.r4.model.Reference;

/** Resources of one type in memory, with the searches that the service's prefetch uses. */
public final class Kept<T extends DomainResource> extends HashMapResourceProvider<T> {

  public Kept(FhirContext fhir, Class<T> kind) {
    super(fhir, kind);
  }

  @Search
  public IBundleProvider ofPatient(
      @OptionalParam(name = "patient") ReferenceParam patient,
      @OptionalParam(name = "status") TokenOrListParam status,
      @OptionalParam(name = "clinical-status") TokenOrListParam clinicalStatus,
      @OptionalParam(name = "focus") ReferenceParam focus,
      @OptionalParam(name = "_lastUpdated") DateRangeParam updated) {
    List<IBaseResource> found = new ArrayList<>();
    for (T resource : getAllResources()) {
      if (isOf(resource, patient) && refers(resource, List.of("focus"), focus) && isIn(resource, updated) && has(resource, "status", status) && has(resource, "clinicalStatus", clinicalStatus)) {
        found.add(resource);
      }
    }
    return new SimpleBundleProvider(found);
  }

  /** The newest version of a resource, if it is there. */
  Optional<IBaseResource> current(String id) {
    TreeMap<Long, T> versions = myIdToVersionToResourceMap.get(id);
    return versions == null || versions.isEmpty() ? Optional.empty() : Optional.ofNullable(versions.lastEntry().getValue());
  }

  private static boolean isOf(DomainResource resource, ReferenceParam patient) {
    return refers(resource, List.of("patient", "subject", "beneficiary", "for"), patient);
  }

  private static boolean refers(DomainResource resource, List<String> elements, ReferenceParam wanted) {
    return wanted == null || elements.stream().flatMap(element -> values(resource, element).stream()).anyMatch(
        value -> value instanceof Reference reference
            && wanted.getIdPart().equals(reference.getReferenceElement().getIdPart()));
  }

  private static boolean isIn(DomainResource resource, DateRangeParam range) {
    return range == null || range.getLowerBoundAsInstant() == null
        || !resource.getMeta().getLastUpdated().before(range.getLowerBoundAsInstant());
  }

  private static boolean has(DomainResource resource, String element, TokenOrListParam wanted) {
    if (wanted == null) {
      return true;
    }
    return wanted.getValuesAsQueryTokens().stream().anyMatch(
        token -> values(resource, element).stream().anyMatch(value -> codes(value).contains(token.getValue())));
  }

  private static List<String> codes(Base value) {
    return value instanceof CodeableConcept concept
        ? concept.getCoding().stream().map(Coding::getCode).toList()
        : List.of(value.primitiveValue());
  }

  private static List<Base> values(DomainResource resource, String element) {
    var property = resource.getNamedProperty(element);
    return property == null ? List.of() : property.getValues();
  }
}
