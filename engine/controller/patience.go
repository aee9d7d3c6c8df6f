package controller

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// patientClient bounds what asks the API server, so that one that does not answer holds nobody up for ever. What is read comes from a cache.
type patientClient struct {
	client.Client
	most time.Duration
}

func (c patientClient) Patch(ctx context.Context, o client.Object, patch client.Patch, opts ...client.PatchOption) error {
	ctx, cancel := context.WithTimeout(ctx, c.most)
	defer cancel()
	return c.Client.Patch(ctx, o, patch, opts...)
}

func (c patientClient) Create(ctx context.Context, o client.Object, opts ...client.CreateOption) error {
	ctx, cancel := context.WithTimeout(ctx, c.most)
	defer cancel()
	return c.Client.Create(ctx, o, opts...)
}

func (c patientClient) Delete(ctx context.Context, o client.Object, opts ...client.DeleteOption) error {
	ctx, cancel := context.WithTimeout(ctx, c.most)
	defer cancel()
	return c.Client.Delete(ctx, o, opts...)
}

func (c patientClient) Status() client.SubResourceWriter {
	return patientStatus{c.Client.Status(), c.most}
}

// patientStatus bounds what is written of a status.
type patientStatus struct {
	client.SubResourceWriter
	most time.Duration
}

func (s patientStatus) Patch(ctx context.Context, o client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
	ctx, cancel := context.WithTimeout(ctx, s.most)
	defer cancel()
	return s.SubResourceWriter.Patch(ctx, o, patch, opts...)
}

// patientReader bounds what is read past the cache.
type patientReader struct {
	client.Reader
	most time.Duration
}

func (r patientReader) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	ctx, cancel := context.WithTimeout(ctx, r.most)
	defer cancel()
	return r.Reader.Get(ctx, key, o, opts...)
}

func (r patientReader) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	ctx, cancel := context.WithTimeout(ctx, r.most)
	defer cancel()
	return r.Reader.List(ctx, list, opts...)
}
