import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.validation.FhirValidator;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.hl7.fhir.common.hapi.validation.support.CachingValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;

/** Prints the median, least and most microseconds that a warmed validator takes for each file named. */
public class Validate {
  public static void main(String[] files) throws Exception {
    FhirContext context = FhirContext.forR4();
    ValidationSupportChain support = new ValidationSupportChain(
        new DefaultProfileValidationSupport(context),
        new CommonCodeSystemsTerminologyService(context),
        new InMemoryTerminologyServerValidationSupport(context));
    FhirValidator validator = context.newValidator();
    validator.registerValidatorModule(new FhirInstanceValidator(new CachingValidationSupport(support)));
    for (String file : files) {
      String content = Files.readString(Path.of(file));
      int warm = Integer.getInteger("warm", 300);
      for (int i = 0; i < warm; i++) validator.validateWithResult(content);
      double[] spent = new double[Integer.getInteger("rounds", 100)];
      for (int i = 0; i < spent.length; i++) {
        long started = System.nanoTime();
        validator.validateWithResult(content);
        spent[i] = (System.nanoTime() - started) / 1000.0;
      }
      Arrays.sort(spent);
      System.out.printf("%s %.1f %.1f %.1f%n", file, spent[spent.length / 2], spent[0], spent[spent.length - 1]);
    }
  }
}
