package example;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.interceptor.api.Hook;
import ca.uhn.fhir.interceptor.api.Interceptor;
import ca.uhn.fhir.interceptor.api.Pointcut;
import ca.uhn.fhir.rest.api.server.RequestDetails;
import ca.uhn.fhir.rest.api.server.ResponseDetails;
import ca.uhn.fhir.rest.server.exceptions.ResourceNotFoundException;
import ca.uhn.fhir.rest.server.exceptions.ResourceGoneException;
import ca.uhn.fhir.rest.server.exceptions.UnclassifiedServerFailureException;
import ca.uhn.fhir.rest.server.exceptions.UnprocessableEntityException;
import jakarta.servlet.http.HttpServletResponse;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.hl7.fhir.instance.model.api.IBaseResource;
import org.hl7.fhir.instance.model.api.IIdType;
import org.hl7.fhir.r4.model.Bundle;
import org.hl7.fhir.r4.model.Claim;
import org.hl7.fhir.r4.model.CodeType;
import org.hl7.fhir.r4.model.Extension;
import org.hl7.fhir.r4.model.OperationOutcome;
import org.hl7.fhir.r4.model.OperationOutcome.IssueSeverity;
import org.hl7.fhir.r4.model.OperationOutcome.OperationOutcomeIssueComponent;
import org.hl7.fhir.r4.model.Resource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Has every claim reviewed by fhir_massage before it is stored, and refuses, warns or annotates by the settings. */
@Interceptor
public class ClaimReview {

  /** The response header that tells how the review went. */
  public static final String HEADER = "X-Fhir-Massage";
  /** The extension of an annotated claim. */
  public static final String EXTENSION = "urn:fhir-massage:review";

  private static final String RULE = "urn:fhir-massage:rule";
  private static final String OUTCOME = ClaimReview.class.getName();
  private static final Logger LOG = LoggerFactory.getLogger(ClaimReview.class);
  /** What a review looks at. Nothing else leaves the server. */
  private static final Set<String> KINDS = Set.of(
      "Condition", "Coverage", "Organization", "Patient", "Practitioner", "PractitionerRole", "Procedure",
      "ServiceRequest");
  private static final int MOST = 50;

  private final FhirContext fhir;
  private final Settings settings;
  private final Store store;
  private final Service service;

  public ClaimReview(FhirContext fhir, Settings settings, Store store) {
    this.fhir = fhir;
    this.settings = settings;
    this.store = store;
    this.service = new Service(fhir, settings);
  }

  @Hook(Pointcut.STORAGE_PRESTORAGE_RESOURCE_CREATED)
  public void created(IBaseResource resource, RequestDetails request) {
    review(resource, request);
  }

  @Hook(Pointcut.STORAGE_PRESTORAGE_RESOURCE_UPDATED)
  public void updated(IBaseResource before, IBaseResource resource, RequestDetails request) {
    review(resource, request);
  }

  /** A client that prefers an OperationOutcome to the stored claim gets what the review found. */
  @Hook(Pointcut.SERVER_OUTGOING_RESPONSE)
  public void answered(RequestDetails request, ResponseDetails response) {
    String prefer = request.getHeader("Prefer");
    if (request.getUserData().get(OUTCOME) instanceof OperationOutcome outcome
        && prefer != null && prefer.contains("return=OperationOutcome")) {
      response.setResponseResource(outcome);
    }
  }

  private void review(IBaseResource resource, RequestDetails request) {
    if (!(resource instanceof Claim claim)) {
      return;
    }
    claim.getExtension().removeIf(each -> EXTENSION.equals(each.getUrl())); // it spoke of an earlier version
    try {
      judge(claim, service.review(together(claim, request)), request);
    } catch (Service.Away reason) {
      LOG.warn("a claim was not reviewed: {}", reason.getMessage());
      tell(request, "not-reviewed");
      if (settings.whenAway() == Settings.WhenAway.REFUSE) {
        throw new UnclassifiedServerFailureException(503, "Claims cannot be reviewed at the moment; try again later",
            outcome("Claims cannot be reviewed at the moment; try again later"));
      }
    }
  }

  private void judge(Claim claim, OperationOutcome outcome, RequestDetails request) {
    List<OperationOutcomeIssueComponent> grave = outcome.getIssue().stream().filter(ClaimReview::isGrave).toList();
    boolean errors = grave.stream().anyMatch(each -> each.getSeverity() != IssueSeverity.WARNING);
    if (errors && settings.onErrors() == Settings.OnErrors.REFUSE) {
      throw new UnprocessableEntityException("The claim would be denied", outcome);
    }
    tell(request, grave.isEmpty() ? "correct" : (errors ? "errors" : "warnings") + "; " + String.join(", ", rules(grave)));
    if (request != null) {
      request.getUserData().put(OUTCOME, outcome);
    }
    if (settings.onErrors() == Settings.OnErrors.ANNOTATE && !grave.isEmpty()) {
      annotate(claim, errors, rules(grave));
    }
  }

  private static boolean isGrave(OperationOutcomeIssueComponent issue) {
    return issue.getSeverity() != IssueSeverity.INFORMATION;
  }

  /** The rules of findings; what departs from FHIR's own structure has none. */
  private static List<String> rules(List<OperationOutcomeIssueComponent> issues) {
    return issues.stream()
        .map(issue -> RULE.equals(issue.getDetails().getCodingFirstRep().getSystem())
            ? issue.getDetails().getCodingFirstRep().getCode() : "structure")
        .distinct().sorted().toList();
  }

  private static void annotate(Claim claim, boolean errors, List<String> rules) {
    Extension review = claim.addExtension().setUrl(EXTENSION);
    review.addExtension("severity", new CodeType(errors ? "error" : "warning"));
    rules.forEach(rule -> review.addExtension("rule", new CodeType(rule)));
  }

  private static void tell(RequestDetails request, String words) {
    if (request instanceof ca.uhn.fhir.rest.server.servlet.ServletRequestDetails servlet) {
      HttpServletResponse response = servlet.getServletResponse();
      if (response != null) {
        response.addHeader(HEADER, words); // a transaction with several claims gets a header for each
      }
    }
  }

  /** The claim, and what it refers to directly or by way of others, as far as the store has it. */
  private Bundle together(Claim claim, RequestDetails request) {
    Bundle bundle = new Bundle().setType(Bundle.BundleType.COLLECTION);
    bundle.addEntry().setResource(claim);
    Deque<IBaseResource> waiting = new ArrayDeque<>(List.of(claim));
    Set<String> seen = new HashSet<>();
    while (!waiting.isEmpty() && seen.size() < MOST) {
      for (var found : fhir.newTerser().getAllResourceReferences(waiting.poll())) {
        IIdType id = found.getResourceReference().getReferenceElement();
        if (isOurs(id) && seen.size() < MOST && seen.add(id.toUnqualifiedVersionless().getValue())) {
          read(id, request).ifPresent(resource -> {
            bundle.addEntry().setResource((Resource) resource);
            waiting.add(resource);
          });
        }
      }
    }
    return bundle;
  }

  private static boolean isOurs(IIdType id) {
    return !id.isAbsolute() && id.hasIdPart() && id.hasResourceType() && KINDS.contains(id.getResourceType());
  }

  private Optional<IBaseResource> read(IIdType id, RequestDetails request) {
    try {
      return store.read(id.toUnqualifiedVersionless(), request);
    } catch (ResourceNotFoundException | ResourceGoneException error) {
      return Optional.empty();
    }
  }

  private static OperationOutcome outcome(String words) {
    OperationOutcome outcome = new OperationOutcome();
    outcome.addIssue().setSeverity(IssueSeverity.ERROR).setCode(OperationOutcome.IssueType.TRANSIENT)
        .getDetails().setText(words);
    return outcome;
  }
}
