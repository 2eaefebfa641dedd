import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.PrePopulatedValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.SnapshotGeneratingValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;

/**
 * Validates FHIR R4 with HL7's definitions and those of a folder: {@code FhirCheck DEFINITIONS FILES}.
 *
 * <p>Prints what is wrong, one finding a line: file, severity, place and message between tabs. Who reads it
 * decides; see tools/fhir_check.py.
 */
public class FhirCheck {
  public static void main(String[] arguments) throws IOException {
    var context = FhirContext.forR4();
    var ours = new PrePopulatedValidationSupport(context);
    try (var files = Files.newDirectoryStream(Path.of(arguments[0]), "*.json")) {
      for (var file : files) {
        ours.addResource(context.newJsonParser().parseResource(Files.readString(file)));
      }
    }
    var support =
        new ValidationSupportChain(
            new DefaultProfileValidationSupport(context),
            ours,
            new SnapshotGeneratingValidationSupport(context),
            new CommonCodeSystemsTerminologyService(context),
            new InMemoryTerminologyServerValidationSupport(context));
    var instances = new FhirInstanceValidator(support);
    instances.setErrorForUnknownProfiles(true);
    instances.setAnyExtensionsAllowed(false);
    var validator = context.newValidator().registerValidatorModule(instances);
    for (int i = 1; i < arguments.length; i++) {
      var file = Path.of(arguments[i]);
      for (var found : validator.validateWithResult(Files.readString(file)).getMessages()) {
        var message = found.getMessage().replaceAll("\\s+", " ");
        System.out.printf(
            "%s\t%s\t%s\t%s%n",
            file.getFileName(), found.getSeverity(), found.getLocationString(), message);
      }
    }
  }
}
