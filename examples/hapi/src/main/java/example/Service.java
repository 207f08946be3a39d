package example;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.parser.DataFormatException;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.hl7.fhir.r4.model.Bundle;
import org.hl7.fhir.r4.model.OperationOutcome;

/** fhir_massage over HTTP. */
final class Service {

  /** The service did not review: it is away, slow, or answered with something else than an outcome. */
  static final class Away extends Exception {
    Away(String reason) {
      super(reason);
    }
  }

  private final FhirContext fhir;
  private final URI address;
  private final Duration timeout;
  private final HttpClient client;

  Service(FhirContext fhir, Settings settings) {
    this.fhir = fhir;
    this.address = URI.create(settings.service().toString().replaceAll("/+$", "") + "/fhir/Claim/$validate");
    this.timeout = settings.timeout();
    this.client = HttpClient.newBuilder().connectTimeout(timeout).build();
  }

  /** The findings on the claim of a Bundle that also holds what it refers to. */
  OperationOutcome review(Bundle bundle) throws Away {
    HttpRequest request = HttpRequest.newBuilder(address)
        .timeout(timeout)
        .header("Content-Type", "application/fhir+json")
        .header("Accept", "application/fhir+json")
        .POST(HttpRequest.BodyPublishers.ofString(fhir.newJsonParser().encodeResourceToString(bundle)))
        .build();
    HttpResponse<String> answer = send(request);
    if (answer.statusCode() != 200) {
      throw new Away("it answered " + answer.statusCode());
    }
    try {
      return fhir.newJsonParser().parseResource(OperationOutcome.class, answer.body());
    } catch (DataFormatException error) {
      throw new Away("its answer is no OperationOutcome");
    }
  }

  /** The whole answer within the time: the client's own timeout ends with the headers, and the body may be slow. */
  private HttpResponse<String> send(HttpRequest request) throws Away {
    CompletableFuture<HttpResponse<String>> answer =
        client.sendAsync(request, HttpResponse.BodyHandlers.ofString());
    try {
      return answer.get(timeout.toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException error) {
      throw new Away("it did not answer in time");
    } catch (ExecutionException error) {
      throw new Away(error.getCause() instanceof IOException ? "it cannot be reached" : "it could not be asked");
    } catch (InterruptedException error) {
      Thread.currentThread().interrupt();
      throw new Away("the request was ended");
    } finally {
      answer.cancel(true);
    }
  }
}
