package source

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/slipway-cd/slipway/engine/git"
)

// Signers are the public keys that signatures are verified by. It does not change.
type Signers struct {
	entities openpgp.EntityList
	digest   string
}

// NewSigners reads armored public keys, such as those of argocd-gpg-keys-cm; the map's keys only name them in errors. What cannot be read
// is left out, and is one of the errors.
func NewSigners(armored map[string]string) (*Signers, []error) {
	k := &Signers{}
	var errs []error
	for _, name := range sortedNames(armored) {
		found, err := openpgp.ReadArmoredKeyRing(strings.NewReader(armored[name]))
		if err != nil {
			errs = append(errs, fmt.Errorf("key %s: it is no armored public key: %w", name, err))
			continue
		}
		k.entities = append(k.entities, found...)
		for _, e := range found {
			k.digest += fmt.Sprintf("%X ", e.PrimaryKey.Fingerprint)
		}
	}
	return k, errs
}

// The words for what was found of a signature are Argo CD's.
const (
	signatureGood    = "signed"
	signatureBad     = "bad signature"
	signatureExpired = "expired signature"
	keyExpired       = "signed with expired key"
	keyRevoked       = "signed with revoked key"
	keyMissing       = "signed with key not in keyring"
	unsigned         = "unsigned"
)

// seen is what was found of a signature.
type seen struct {
	result string
	// key is the id of the key that signed, and primary that of the one it belongs to; both empty if there is none.
	key, primary string
}

// weak are digests that signatures are forged for.
var weak = map[crypto.Hash]bool{crypto.MD5: true, crypto.SHA1: true, crypto.RIPEMD160: true}

// verify looks at the signature of a commit or tag.
func (k *Signers) verify(s git.Signed, now time.Time) seen {
	text := bytes.TrimSpace(s.Signature)
	if len(text) == 0 {
		return seen{result: unsigned}
	}
	block, err := armor.Decode(bytes.NewReader(text))
	if err != nil || block.Type != openpgp.SignatureType {
		return seen{result: signatureBad} // SSH and X.509 signatures among them: no key of ours can have made them
	}
	var signature bytes.Buffer
	if _, err := signature.ReadFrom(block.Body); err != nil {
		return seen{result: signatureBad}
	}
	found := seen{key: issuer(signature.Bytes())}
	var keys openpgp.EntityList
	if k != nil {
		keys = k.entities
	}
	config := &packet.Config{Time: func() time.Time { return now }}
	sig, entity, err := openpgp.VerifyDetachedSignature(keys, bytes.NewReader(s.Payload), &signature, config)
	if sig != nil && sig.IssuerKeyId != nil {
		found.key = fmt.Sprintf("%016X", *sig.IssuerKeyId)
	}
	if entity != nil {
		found.primary = entity.PrimaryKey.KeyIdString()
	}
	switch {
	case errors.Is(err, pgperrors.ErrUnknownIssuer):
		found.result = keyMissing
	case errors.Is(err, pgperrors.ErrKeyExpired):
		found.result = keyExpired
	case errors.Is(err, pgperrors.ErrSignatureExpired):
		found.result = signatureExpired
	case errors.Is(err, pgperrors.ErrKeyRevoked):
		found.result = keyRevoked
	case err != nil, entity == nil, sig.SigType != packet.SigTypeBinary && sig.SigType != packet.SigTypeText, weak[sig.Hash], sig.CreationTime.After(now.Add(time.Hour)):
		found.result = signatureBad
	default:
		found.result = signatureGood
	}
	return found
}

// issuer is the id of the key that a signature says has made it, or "".
func issuer(signature []byte) string {
	p, err := packet.Read(bytes.NewReader(signature))
	if err != nil {
		return ""
	}
	if sig, ok := p.(*packet.Signature); ok && sig.IssuerKeyId != nil {
		return fmt.Sprintf("%016X", *sig.IssuerKeyId)
	}
	return ""
}
