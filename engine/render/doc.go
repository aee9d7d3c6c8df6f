// Package render turns an application's source at a commit into objects.
//
// It stands between engine/source, which finds the tree, and engine/change, which compares. What strangers wrote is rendered in
// workers: long-lived processes of our own program, without credentials, environment, file system or network. A worker sees the
// repository only through questions that its parent answers from git objects; the parent notes what was asked, and a result is
// used again wherever the same answers would be given. What a render needs from elsewhere, such as a chart's dependency, a worker
// can only name: it is fetched while no worker waits for it, as far as the project permits it, and the source is rendered again with
// it at hand. A worker that dies, for whatever its templates did, costs one request.
package render
