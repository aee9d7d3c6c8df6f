package guard

// permitted finds objects that the application's project, as it stands in the cluster, does not permit: a sync would refuse them.
func permitted(f Facts) []Finding {
	if f.Permits == nil {
		return nil
	}
	var found []Finding
	for _, o := range f.After.All() {
		denial := f.Permits(o.ID())
		if denial.Message == "" {
			continue
		}
		x := about(o, Project, "%s: %s", o.ID(), denial.Message)
		x.Hint = denial.Rule
		found = append(found, x)
	}
	return found
}
