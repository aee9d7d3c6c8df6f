// Package git keeps bare mirrors of repositories and shows commits as read-only file systems.
//
// It stands at the head of the river, beside engine/object, and imports nothing of ours. It is one of the few packages that
// touch the world: the git program fetches, merges and reads objects; nothing is ever checked out.
//
// A mirror is two object stores. The first holds what the remote's branches and tags reach, and is all that a controller may
// read. The second holds what pull requests bring and the merges computed of them; it borrows the first's objects, never the
// other way round. Names and abbreviations resolve only among commits that branches and tags of the first store reach, so
// nothing that a pull request pushes can take a name's place.
//
// What a repository only points to is read as part of its trees where their Access says so: a submodule's commit from a mirror of its
// own, and files of Git LFS from the repository's server, verified and kept beside the mirror. A pull request leads only to submodules
// that the branches name. A mirror may be partial: then contents of files are fetched when they are read, a folder at a time.
//
// The disk is bounded: mirrors, imports and files of LFS that were not used for longest are evicted, and made anew when they are asked
// for again. So is what one fetch may take of memory and disk. A mirror that turns out to be damaged is made anew by the next fetch; every
// object that is read is held against its id.
//
// What git is given is distrusted: only https and ssh are spoken, redirects are not followed, no configuration but ours is
// read, credentials travel in the environment of one process, or in files that only it is told of and that go with it, and are
// cut out of its messages. ssh uses no agent, key, host or configuration of the machine. Before anything is dialled, its
// addresses are asked about.
package git
