package example;

import ca.uhn.fhir.rest.api.server.RequestDetails;
import java.util.Optional;
import org.hl7.fhir.instance.model.api.IBaseResource;
import org.hl7.fhir.instance.model.api.IIdType;

/** The server's own store, from which what a claim refers to is read. */
@FunctionalInterface
public interface Store {
  /** The resource of that type and id, if it is there. */
  Optional<IBaseResource> read(IIdType id, RequestDetails request);
}
