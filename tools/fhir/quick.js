// Checks FHIR R4 in a second: shapes, cardinality, required codes. Documents on stdin, one a line;
// a list of findings on stdout for each. Formats and rules are left to `make fhir-check`.
"use strict";

const { Fhir } = require("fhir");

const fhir = new Fhir();
const lines = require("fs").readFileSync(0, "utf8").split("\n").filter(Boolean);
for (const line of lines) {
  const { messages } = fhir.validate(JSON.parse(line), { errorOnUnexpected: true });
  const errors = messages.filter(({ severity }) => severity === "error" || severity === "fatal");
  console.log(JSON.stringify(errors.map(({ location, message }) => `${location}: ${message}`)));
}
