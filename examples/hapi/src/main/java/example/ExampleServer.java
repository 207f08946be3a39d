package example;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.rest.server.FifoMemoryPagingProvider;
import ca.uhn.fhir.rest.server.RestfulServer;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.hl7.fhir.instance.model.api.IBaseResource;
import org.hl7.fhir.r4.model.*;

/**
 * A HAPI FHIR R4 server that keeps what is put into it in memory. Prints its address and serves until ended.
 *
 * <p>Where FHIR_MASSAGE_URL is set, every claim that is created or updated is reviewed first.
 */
public final class ExampleServer {

  private static final List<Class<? extends DomainResource>> KINDS = List.of(
      Claim.class, Condition.class, Coverage.class, Organization.class, Patient.class, Practitioner.class,
      PractitionerRole.class, Procedure.class, ServiceRequest.class, CoverageEligibilityResponse.class, Task.class);

  public static void main(String[] arguments) throws Exception {
    FhirContext fhir = FhirContext.forR4();
    RestfulServer restful = new RestfulServer(fhir);
    Map<String, Kept<?>> kept = KINDS.stream().map(kind -> provider(fhir, kind))
        .collect(Collectors.toMap(each -> each.getResourceType().getSimpleName(), Function.identity()));
    restful.setResourceProviders(List.copyOf(kept.values()));
    restful.setPagingProvider(new FifoMemoryPagingProvider(20).setDefaultPageSize(2).setMaximumPageSize(2));
    Settings.fromEnvironment(System.getenv()).ifPresent(settings -> restful.registerInterceptor(
        new ClaimReview(fhir, settings, (id, request) -> stored(kept, id.getResourceType(), id.getIdPart()))));

    Server server = new Server();
    ServerConnector connector = new ServerConnector(server);
    connector.setHost("127.0.0.1");
    connector.setPort(0);
    server.addConnector(connector);
    ServletContextHandler context = new ServletContextHandler("/");
    context.addServlet(new ServletHolder(restful), "/fhir/*");
    server.setHandler(context);
    server.start();
    System.out.println("http://127.0.0.1:" + connector.getLocalPort() + "/fhir");
    System.out.flush();
    server.join();
  }

  private static Optional<IBaseResource> stored(Map<String, Kept<?>> kept, String kind, String id) {
    return Optional.ofNullable(kept.get(kind)).flatMap(each -> each.current(id));
  }

  private static <T extends DomainResource> Kept<T> provider(FhirContext fhir, Class<T> kind) {
    return new Kept<>(fhir, kind);
  }
}
