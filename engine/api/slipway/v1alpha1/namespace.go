package v1alpha1

const (
	// PreviewAnnotation says whether an Application is a preview's: any value but "" and "false" says yes, "false" no. Without it, those
	// with AnnotationPullRequest are. A namespace that CreateNamespace=true makes for a preview goes when the Application is deleted, after
	// its objects and hooks, unless something is in it that is not the Application's.
	PreviewAnnotation = "slipway.dev/preview"
	// PreviewQuotaAnnotation has the amounts of a ResourceQuota that is put up in the namespace of a preview: "limits.memory=4Gi,pods=20".
	PreviewQuotaAnnotation = "slipway.dev/preview-quota"
	// PreviewNetworkAnnotation has a NetworkPolicy put up in the namespace of a preview: "isolated" lets it reach itself, DNS and public
	// addresses, and be reached by itself; "isolated,from=ingress-nginx" by that namespace too.
	PreviewNetworkAnnotation = "slipway.dev/preview-network"
	// CreatedForAnnotation, on such a namespace, is the tracking name of the Application for which it was made. Nobody else's word for it
	// is taken: it is written when the namespace is created and at no other time.
	CreatedForAnnotation = "slipway.dev/created-for"
)

// IsPreview reports whether an Application with these annotations is a preview's.
func IsPreview(annotations map[string]string) bool {
	if v := annotations[PreviewAnnotation]; v != "" {
		return v != "false"
	}
	return annotations[AnnotationPullRequest] != ""
}
