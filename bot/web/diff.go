package web

import (
	"html/template"
	"strconv"

	"github.com/slipway-cd/slipway/bot/report"
)

// painter writes diffs as HTML. Diffs are most of a page, so they are written by hand: everything that comes from elsewhere goes through
// text, which escapes it. A fuzz test holds that.
type painter struct {
	b    []byte
	wide bool // side by side
}

// rows writes lines of a diff. Each is a line of its own without any style, too.
func (p *painter) rows(rows []report.Row) {
	for i := range rows {
		if r := &rows[i]; p.wide {
			p.pair(r)
		} else {
			p.line(r)
		}
	}
}

// line is one line of a unified diff.
func (p *painter) line(r *report.Row) {
	switch r.Op {
	case '@':
		p.hunk(r)
		return
	case '-':
		p.open("d", r.Before, 0)
		p.b = append(p.b, '-')
		p.marked(r.Old, r.OldMark)
	case '+':
		p.open("a", 0, r.After)
		p.b = append(p.b, '+')
		p.marked(r.New, r.NewMark)
	default:
		p.open("c", r.Before, r.After)
		p.b = append(p.b, ' ')
		p.text(r.Old)
	}
	p.b = append(p.b, "\n</span>"...)
}

// pair is two lines side by side.
func (p *painter) pair(r *report.Row) {
	if r.Op == '@' {
		p.hunk(r)
		return
	}
	p.b = append(p.b, `<span class="p">`...)
	p.side(r.Op, "d", '-', r.Before, r.Old, r.OldMark)
	p.side(r.Op, "a", '+', r.After, r.New, r.NewMark)
	p.b = append(p.b, "</span>"...)
}

func (p *painter) side(op byte, class string, sign byte, number int, text string, mark [2]int) {
	switch {
	case number == 0:
		p.b = append(p.b, `<span class="l e"></span>`...)
		return
	case op == ' ':
		class, sign = "c", ' '
	}
	p.b = append(p.b, `<span class="l `...)
	p.b = append(p.b, class...)
	p.b = append(p.b, `" data-n="`...)
	p.b = strconv.AppendInt(p.b, int64(number), 10)
	p.b = append(p.b, `">`...)
	p.b = append(p.b, sign)
	p.marked(text, mark)
	p.b = append(p.b, "\n</span>"...)
}

func (p *painter) hunk(r *report.Row) {
	p.b = append(p.b, `<span class="l h">`...)
	p.text(r.Old)
	p.b = append(p.b, "\n</span>"...)
}

func (p *painter) open(class string, before, after int) {
	p.b = append(p.b, `<span class="l `...)
	p.b = append(p.b, class...)
	p.b = append(p.b, '"')
	if before > 0 {
		p.b = append(p.b, ` data-o="`...)
		p.b = strconv.AppendInt(p.b, int64(before), 10)
		p.b = append(p.b, '"')
	}
	if after > 0 {
		p.b = append(p.b, ` data-n="`...)
		p.b = strconv.AppendInt(p.b, int64(after), 10)
		p.b = append(p.b, '"')
	}
	p.b = append(p.b, '>')
}

// marked writes a line of which a part stands out.
func (p *painter) marked(s string, mark [2]int) {
	if mark[0] >= mark[1] || mark[1] > len(s) {
		p.text(s)
		return
	}
	p.text(s[:mark[0]])
	p.b = append(p.b, "<b>"...)
	p.text(s[mark[0]:mark[1]])
	p.b = append(p.b, "</b>"...)
	p.text(s[mark[1]:])
}

// text writes what comes from elsewhere.
func (p *painter) text(s string) {
	from := 0
	for i := 0; i < len(s); i++ {
		var as string
		switch s[i] {
		case '<':
			as = "&lt;"
		case '>':
			as = "&gt;"
		case '&':
			as = "&amp;"
		case '"':
			as = "&#34;"
		case '\'':
			as = "&#39;"
		case 0:
			as = "\uFFFD"
		case '\r':
			as = "&#13;"
		default:
			continue
		}
		p.b = append(p.b, s[from:i]...)
		p.b = append(p.b, as...)
		from = i + 1
	}
	p.b = append(p.b, s[from:]...)
}

// html is what was written. It is safe as it stands.
func (p *painter) html() template.HTML { return template.HTML(p.b) } //nolint:gosec // every text went through text
