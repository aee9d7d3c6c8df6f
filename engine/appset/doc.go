// Package appset makes applications from an ApplicationSet: generators make sets of parameters, templates make an application of
// each.
//
// It stands at the head of the river, before the plan: what it makes is planned, rendered and compared like applications that
// somebody wrote. It decides over values; the trees that git generators list come in through World. A generator either yields all
// it should or an error: of half a listing nobody could tell what is to be deleted.
package appset
