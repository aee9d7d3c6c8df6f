// Package templates is the text that people see, as files: the pages with their style sheet, script and picture. It holds no logic; bot/web
// fills the pages in. All of it is part of the program, and nothing is loaded from elsewhere.
package templates

import "embed"

// Web are the pages' templates (*.html) and assets.
//
//go:embed web
var Web embed.FS
