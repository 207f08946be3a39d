package partner;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.rest.annotation.OptionalParam;
import ca.uhn.fhir.rest.annotation.Search;
import ca.uhn.fhir.rest.api.server.IBundleProvider;
import ca.uhn.fhir.rest.param.ReferenceParam;
import ca.uhn.fhir.rest.param.TokenOrListParam;
import ca.uhn.fhir.rest.server.SimpleBundleProvider;
import ca.uhn.fhir.rest.server.provider.HashMapResourceProvider;
import java.util.ArrayList;
import java.util.List;
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
      @OptionalParam(name = "clinical-status") TokenOrListParam clinicalStatus) {
    List<IBaseResource> found = new ArrayList<>();
    for (T resource : getAllResources()) {
      if (isOf(resource, patient) && has(resource, "status", status) && has(resource, "clinicalStatus", clinicalStatus)) {
        found.add(resource);
      }
    }
    return new SimpleBundleProvider(found);
  }

  private static boolean isOf(DomainResource resource, ReferenceParam patient) {
    if (patient == null) {
      return true;
    }
    for (String element : List.of("patient", "subject", "beneficiary")) {
      for (Base value : values(resource, element)) {
        if (value instanceof Reference reference
            && patient.getIdPart().equals(reference.getReferenceElement().getIdPart())) {
          return true;
        }
      }
    }
    return false;
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
