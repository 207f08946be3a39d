package partner;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.rest.server.FifoMemoryPagingProvider;
import ca.uhn.fhir.rest.server.RestfulServer;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.hl7.fhir.r4.model.*;

/** A HAPI FHIR R4 server that keeps what is put into it in memory. Prints its address and serves until ended. */
public final class PartnerServer {

  private static final List<Class<? extends DomainResource>> KINDS = List.of(
      Claim.class, Condition.class, Coverage.class, Organization.class, Patient.class, Practitioner.class,
      PractitionerRole.class, Procedure.class, ServiceRequest.class, CoverageEligibilityResponse.class);

  public static void main(String[] arguments) throws Exception {
    FhirContext fhir = FhirContext.forR4();
    RestfulServer restful = new RestfulServer(fhir);
    restful.setResourceProviders(KINDS.stream().map(kind -> provider(fhir, kind)).collect(Collectors.toList()));
    restful.setPagingProvider(new FifoMemoryPagingProvider(20).setDefaultPageSize(2).setMaximumPageSize(2));

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

  private static <T extends DomainResource> Kept<T> provider(FhirContext fhir, Class<T> kind) {
    return new Kept<>(fhir, kind);
  }
}
