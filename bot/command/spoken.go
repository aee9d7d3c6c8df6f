package command

import (
	"regexp"
	"strings"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// spoken gives the lines of a comment that its author says in their own words: those that start a line of a paragraph or of a
// heading drawn by underlining, outside of quotes, lists, code, comments and folded parts. Whether something is code or a quote is
// for CommonMark to say, so it is asked instead of guessed at; inline elements other than code and HTML do not matter here.
func spoken(body string) []string {
	if !strings.ContainsAny(body, "/@") {
		return nil
	}
	source := []byte(strings.NewReplacer("\r\n", "\n", "\r", "\n", "\x00", "\uFFFD").Replace(body))
	root := markdown().Parse(text.NewReader(source))
	var lines []string
	var folded fold
	for block := root.FirstChild(); block != nil; block = block.NextSibling() {
		switch block.Kind() {
		case ast.KindHTMLBlock:
			folded.read(htmlOf(block.(*ast.HTMLBlock), source))
		case ast.KindParagraph, ast.KindHeading:
			lines = append(lines, ownLines(block, source, &folded)...)
		}
	}
	return lines
}

// markdown is a parser of what matters to us. Links and emphasis are left out: they hide nothing, and cost time on hostile input.
func markdown() parser.Parser {
	return parser.NewParser(
		parser.WithBlockParsers(parser.DefaultBlockParsers()...),
		parser.WithInlineParsers(
			util.Prioritized(parser.NewCodeSpanParser(), 100),
			util.Prioritized(parser.NewAutoLinkParser(), 300),
			util.Prioritized(parser.NewRawHTMLParser(), 400),
		),
		parser.WithParagraphTransformers(parser.DefaultParagraphTransformers()...),
	)
}

// ownLines are the lines of a block that start outside code, HTML and folded parts.
func ownLines(block ast.Node, source []byte, folded *fold) []string {
	inline := inlineParts(block, source)
	var lines []string
	next := 0
	for i := range block.Lines().Len() {
		seg := block.Lines().At(i)
		for next < len(inline) && inline[next].start < seg.Start {
			folded.read(inline[next].html)
			next++
		}
		hidden := next > 0 && seg.Start < inline[next-1].stop
		if hidden || folded.open() || !beginsLine(source, seg.Start) {
			continue
		}
		line := strings.TrimSpace(string(seg.Value(source)))
		if len(line) <= maxLine && line != "" {
			lines = append(lines, line)
		}
	}
	for ; next < len(inline); next++ {
		folded.read(inline[next].html)
	}
	return lines
}

// beginsLine says whether only the spaces that Markdown allows stand before a position in its line.
func beginsLine(source []byte, at int) bool {
	for i := at - 1; i >= 0 && source[i] != '\n'; i-- {
		if source[i] != ' ' {
			return false
		}
	}
	return true
}

// part is a stretch of the source that is code or HTML.
type part struct {
	start, stop int
	html        string
}

// inlineParts finds code spans and raw HTML within a block, in order.
func inlineParts(block ast.Node, source []byte) []part {
	var parts []part
	for n := block.FirstChild(); n != nil; n = n.NextSibling() {
		switch n := n.(type) {
		case *ast.CodeSpan:
			first, last := n.FirstChild(), n.LastChild()
			f, okf := first.(*ast.Text)
			l, okl := last.(*ast.Text)
			if okf && okl {
				// One before the content is a backtick, or the space that is stripped beside it.
				parts = append(parts, part{start: f.Segment.Start - 1, stop: l.Segment.Stop + 1})
			}
		case *ast.RawHTML:
			if k := n.Segments.Len(); k > 0 {
				first, last := n.Segments.At(0), n.Segments.At(k-1)
				parts = append(parts, part{start: first.Start, stop: last.Stop, html: string(source[first.Start:last.Stop])})
			}
		}
	}
	return parts
}

func htmlOf(b *ast.HTMLBlock, source []byte) string {
	var s strings.Builder
	for i := range b.Lines().Len() {
		seg := b.Lines().At(i)
		s.Write(seg.Value(source))
	}
	if b.HasClosure() {
		s.Write(b.ClosureLine.Value(source))
	}
	return s.String()
}

// fold counts the HTML elements that are open and whose content is quoted, folded away or code.
type fold struct{ depth int }

var (
	folding     = regexp.MustCompile(`(?i)<(/?)(details|blockquote|pre|code|samp|kbd|q|template|table|textarea|script|style)(?:[\s/>]|$)`)
	htmlComment = regexp.MustCompile(`(?s)<!--.*?(?:-->|$)`)
)

func (f *fold) read(html string) {
	for _, m := range folding.FindAllStringSubmatch(htmlComment.ReplaceAllString(html, ""), -1) {
		if m[1] == "" {
			f.depth++
		} else if f.depth > 0 {
			f.depth--
		}
	}
}

func (f *fold) open() bool { return f.depth > 0 }
