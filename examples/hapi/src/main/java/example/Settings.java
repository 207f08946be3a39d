package example;

import java.net.URI;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * How claims are reviewed.
 *
 * @param service the base address of fhir_massage, such as http://127.0.0.1:8000
 * @param onErrors what becomes of a claim that would be denied
 * @param whenAway whether a claim that could not be reviewed is stored (ACCEPT) or not (REFUSE)
 * @param timeout how long a claim waits for its review altogether
 */
public record Settings(URI service, OnErrors onErrors, WhenAway whenAway, Duration timeout) {

  /** What becomes of a claim with errors; what is only a warning never keeps a claim out. */
  public enum OnErrors {
    /** 422 with the OperationOutcome; the claim is not stored. */
    REFUSE,
    /** The claim is stored; a header, and the body where the client prefers it, tell what was found. */
    WARN,
    /** As WARN, and the stored claim carries the findings' rules in an extension. */
    ANNOTATE
  }

  /** What becomes of a claim while the service is away or slow. */
  public enum WhenAway { ACCEPT, REFUSE }

  /** The settings; none where FHIR_MASSAGE_URL is not set. Throws IllegalArgumentException for a wrong one. */
  public static Optional<Settings> fromEnvironment(Map<String, String> environment) {
    return Optional.ofNullable(environment.get("FHIR_MASSAGE_URL")).filter(url -> !url.isBlank()).map(url ->
        new Settings(
            URI.create(url),
            OnErrors.valueOf(value(environment, "FHIR_MASSAGE_ON_ERRORS", "WARN")),
            WhenAway.valueOf(value(environment, "FHIR_MASSAGE_WHEN_AWAY", "ACCEPT")),
            Duration.ofMillis(Long.parseLong(value(environment, "FHIR_MASSAGE_TIMEOUT_MS", "3000")))));
  }

  private static String value(Map<String, String> environment, String name, String otherwise) {
    return environment.getOrDefault(name, otherwise).trim().toUpperCase(Locale.ROOT);
  }
}
