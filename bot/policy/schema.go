package policy

import _ "embed"

// Schema is the JSON Schema of a .slipway.yaml, for editors. Decode is stricter: it holds names against each other, and reads schedules.
//
//go:embed schema.json
var Schema []byte
